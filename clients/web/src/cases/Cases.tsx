import { createSignal, Show, type JSX } from 'solid-js'
import { recording, type Case, type CaseState } from '../api/recording'
import { useApp } from '../ui/app'
import { createAction } from '../ui/createAction'
import { createPages } from '../ui/createData'
import { createHome } from '../ui/createHome'
import { Dialog } from '../ui/Dialog'
import { Field, Select } from '../ui/Field'
import { Form } from '../ui/Form'
import { HomeFilter } from '../ui/HomeFilter'
import { List } from '../ui/List'
import { Page } from '../ui/Page'

const STATES: readonly CaseState[] = ['open', 'closed']

/** What belongs together of an investigation: the open cases first. */
export function Cases(): JSX.Element {
  const app = useApp()
  const home = createHome()
  const [state, setState] = createSignal<CaseState | ''>('open')
  const [making, setMaking] = createSignal(false)
  const pages = createPages(
    () => ({ city: home.city(), state: state() }),
    (asked, cursor) => recording.casePage(app.client, asked.city, asked.state, cursor),
  )
  return (
    <Page
      title={app.text('nav.cases')}
      actions={
        <button type="button" class="button primary" onClick={() => setMaking(true)}>
          {app.text('case.new')}
        </button>
      }
    >
      <div class="filters">
        <HomeFilter home={home} all={app.text('home.all')} />
        <Select
          label={app.text('case.state')}
          value={state()}
          choices={[...STATES.map((one) => ({ value: one, label: app.text(`case_state.${one}`) })), { value: '', label: app.text('case.all') }]}
          onChange={(value) => setState(value as CaseState | '')}
        />
      </div>
      <List
        label={app.text('nav.cases')}
        pages={pages}
        empty={app.text('case.none')}
        columns={[
          { title: app.text('case.number'), cell: (one: Case) => one.number },
          { title: app.text('case.title'), cell: (one) => <a href={`/cases/${one.id}`}>{one.title}</a> },
          { title: app.text('case.state'), cell: (one) => <CaseTag state={one.state} /> },
          { title: app.text('case.opened'), class: 'time', cell: (one) => app.t().time(one.created_us) },
          { title: app.text('case.changed'), class: 'time', cell: (one) => app.t().time(one.updated_us) },
        ]}
      />
      <Show when={making()}>
        <NewCase city={home.city()} onClose={() => setMaking(false)} />
      </Show>
    </Page>
  )
}

export function CaseTag(props: { readonly state: CaseState }): JSX.Element {
  const app = useApp()
  return (
    <span class="tag">
      <span class="dot" classList={{ live: props.state === 'open', off: props.state === 'closed' }} />
      {app.text(`case_state.${props.state}`)}
    </span>
  )
}

function NewCase(props: { readonly city: string; onClose(): void }): JSX.Element {
  const app = useApp()
  const home = createHome(true)
  const [title, setTitle] = createSignal('')
  const [number, setNumber] = createSignal('')
  const [about, setAbout] = createSignal('')
  // eslint-disable-next-line solid/reactivity -- what one begins with
  if (props.city !== '') home.choose(props.city)
  const action = createAction(async () => {
    const made = await recording.openCase(app.client, { title: title().trim(), number: number().trim(), text: about().trim(), city: home.city() })
    app.router.go(`/cases/${made.id}`)
  })
  return (
    <Dialog title={app.text('case.new')} onClose={() => { props.onClose() }}>
      <Form action={action} submit={app.text('form.create')} disabled={title().trim() === '' || home.city() === ''}>
        <HomeFilter home={home} />
        <Field label={app.text('case.title')} value={title()} onInput={setTitle} maxlength={120} focus required />
        <Field label={app.text('case.number')} value={number()} onInput={setNumber} maxlength={60} />
        <Field label={app.text('case.text')} value={about()} onInput={setAbout} maxlength={4000} />
      </Form>
    </Dialog>
  )
}
