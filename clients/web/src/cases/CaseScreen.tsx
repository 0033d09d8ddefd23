import { createMemo, createSignal, For, Show, type JSX } from 'solid-js'
import type { CameraItem } from '../api/cameras'
import { recording, type Case, type Hold } from '../api/recording'
import { mayIn } from '../api/rights'
import { useApp } from '../ui/app'
import { createAction } from '../ui/createAction'
import { createData, type Data } from '../ui/createData'
import { AskedButton, Dialog } from '../ui/Dialog'
import { createFollow } from '../ui/ExportList'
import { ExportRows, LEAST_PASSWORD, type Names } from '../ui/ExportRow'
import { Field } from '../ui/Field'
import { Form, Refusal } from '../ui/Form'
import { Page, Panel } from '../ui/Page'
import { CaseTag } from './Cases'
import { Stills } from './Stills'

/** One case: what is held for it, its clips, its notes, and all of it in one file. */
export function CaseScreen(props: Readonly<Record<string, string>>): JSX.Element {
  const app = useApp()
  const found = createData(
    () => props.id ?? '',
    (id) => recording.case(app.client, id),
  )
  const cameras = createData(
    () => undefined,
    () => app.client.all<CameraItem>('/cameras'),
  )
  /** One's own name; of others the log of who did what knows more. */
  const nameOf = (by: string) => (by === `user:${app.me()?.id ?? ''}` ? (app.me()?.user?.name ?? by) : by)
  const names = createMemo(() => new Map(cameras.value()?.map(({ id, name }) => [id, name])))
  return (
    <Page
      title={found.value()?.title ?? app.text('nav.cases')}
      back={{ to: '/cases', label: app.text('nav.cases') }}
      actions={<Show when={found.value()}>{(one) => <StateButton one={one()} onChange={found.set} />}</Show>}
    >
      <Refusal error={found.error()} />
      <Show when={found.value()?.id} keyed>
        {(id) => (
          <>
            <Show when={found.value()} keyed>
              {(one) => <Details one={one} data={found} />}
            </Show>
            <Holds case={id} names={names()} />
            <Stills case={id} city={found.value()?.city ?? ''} cameras={cameras.value() ?? []} names={names()} nameOf={nameOf} />
            <Show when={mayIn(app.me(), 'clip.export', found.value()?.city ?? '')}>
              <Taken case={id} city={found.value()?.city ?? ''} names={names()} />
            </Show>
            <Notes case={id} nameOf={nameOf} />
          </>
        )}
      </Show>
    </Page>
  )
}

function StateButton(props: { readonly one: Case; onChange(one: Case): void }): JSX.Element {
  const app = useApp()
  const closed = () => props.one.state === 'closed'
  async function change(): Promise<void> {
    props.onChange(await recording.changeCase(app.client, props.one, { state: closed() ? 'open' : 'closed' }))
  }
  return (
    <>
      <CaseTag state={props.one.state} />
      <AskedButton
        label={app.text(closed() ? 'case.reopen' : 'case.close')}
        question={app.text('case.close.ask')}
        onAct={change}
      />
    </>
  )
}

function Details(props: { readonly one: Case; readonly data: Data<Case> }): JSX.Element {
  const app = useApp()
  /* eslint-disable solid/reactivity -- what one begins with; another version is another form */
  const [title, setTitle] = createSignal(props.one.title)
  const [number, setNumber] = createSignal(props.one.number)
  const [about, setAbout] = createSignal(props.one.text)
  /* eslint-enable solid/reactivity */
  const same = () => title() === props.one.title && number() === props.one.number && about() === props.one.text
  const action = createAction(async () => {
    props.data.set(await recording.changeCase(app.client, props.one, { title: title().trim(), number: number().trim(), text: about().trim() }))
  })
  return (
    <Panel title={app.text('case.details')}>
      <Form action={action} submit={app.text('form.save')} disabled={same() || title().trim() === ''} onReload={props.data.reload}>
        <div class="columns">
          <Field label={app.text('case.title')} value={title()} onInput={setTitle} maxlength={120} required />
          <Field label={app.text('case.number')} value={number()} onInput={setNumber} maxlength={60} />
        </div>
        <Field label={app.text('case.text')} value={about()} onInput={setAbout} maxlength={4000} />
      </Form>
    </Panel>
  )
}

/** The picture of a hold's beginning, so wide in pixels. */
const STILL_WIDTH = 320

function Holds(props: { readonly case: string; readonly names: Names }): JSX.Element {
  const app = useApp()
  const [released, setReleased] = createSignal<Hold>()
  const list = createData(
    () => props.case,
    (id) => recording.holds(app.client, id),
  )
  const name = (hold: Hold) => props.names.get(hold.camera) ?? hold.camera
  const watch = (hold: Hold) => `/playback?cameras=${encodeURIComponent(hold.camera)}&at=${new Date(hold.from_us / 1000).toISOString()}`
  const inForce = () => (list.value() ?? []).filter((hold) => hold.state !== 'released')
  return (
    <Panel title={app.text('case.holds')}>
      <Refusal error={list.error()} />
      <Show when={app.may('playback.view') && inForce().length > 0}>
        <ul class="stills" aria-label={app.text('case.stills')}>
          <For each={inForce()}>
            {(hold) => (
              <li>
                <a href={watch(hold)}>
                  <img src={recording.picture(hold.camera, hold.from_us, STILL_WIDTH)} alt={app.text('case.still', { name: name(hold), time: app.t().time(hold.from_us) })} loading="lazy" />
                </a>
                <small>{`${name(hold)} · ${app.t().time(hold.from_us)}`}</small>
              </li>
            )}
          </For>
        </ul>
      </Show>
      <ul class="rows">
        <For each={list.value()} fallback={<Show when={!list.loading()}><li class="nothing">{app.text('case.holds.none')}</li></Show>}>
          {(hold) => (
            <li>
              <span class="grow">
                <b>{name(hold)}</b>
                <small>{`${app.t().time(hold.from_us)} – ${app.t().time(hold.to_us)} · ${app.t().duration(hold.to_us - hold.from_us)}`}</small>
                <small>{`${app.text(`hold_state.${hold.state}`)} · ${hold.why}`}</small>
              </span>
              <span class="buttons">
                <Show when={app.may('playback.view')}>
                  <a class="button" href={watch(hold)}>
                    {app.text('case.watch')}
                  </a>
                </Show>
                <Show when={hold.state === 'active' || hold.state === 'placing'}>
                  <button type="button" class="button danger" onClick={() => setReleased(hold)}>
                    {app.text('hold.release')}
                  </button>
                </Show>
              </span>
            </li>
          )}
        </For>
      </ul>
      <Show when={released()} keyed>
        {(hold) => (
          <ReleaseDialog
            hold={hold}
            name={name(hold)}
            onClose={() => { setReleased(undefined); }}
            onDone={() => {
              setReleased(undefined)
              list.reload()
            }}
          />
        )}
      </Show>
    </Panel>
  )
}

function ReleaseDialog(props: { readonly hold: Hold; readonly name: string; onClose(): void; onDone(): void }): JSX.Element {
  const app = useApp()
  const [why, setWhy] = createSignal('')
  const action = createAction(async () => {
    await recording.release(app.client, props.hold, why().trim())
    props.onDone()
  })
  return (
    <Dialog title={app.text('hold.release.title')} onClose={() => { props.onClose() }}>
      <p>{`${props.name} · ${app.t().time(props.hold.from_us)} – ${app.t().time(props.hold.to_us)}`}</p>
      <p>{app.text('hold.release.hint')}</p>
      <Form action={action} submit={app.text('hold.release.title')} disabled={why().trim() === ''}>
        <Field label={app.text('export.why')} value={why()} onInput={setWhy} maxlength={500} focus required />
      </Form>
    </Dialog>
  )
}

/** Clips and archives of the case. */
function Taken(props: { readonly case: string; readonly city: string; readonly names: Names }): JSX.Element {
  const app = useApp()
  const [asking, setAsking] = createSignal(false)
  const clips = createData(
    () => props.case,
    (id) => recording.clipsOf(app.client, id),
  )
  const archives = createData(
    () => props.case,
    (id) => recording.archivesOf(app.client, id),
  )
  createFollow(() => clips.value() ?? [], clips.reload)
  createFollow(() => archives.value() ?? [], archives.reload)
  return (
    <>
      <Panel title={app.text('case.clips')}>
        <Refusal error={clips.error()} />
        <ExportRows items={clips.value() ?? []} names={props.names} onChange={clips.reload} />
        <Show when={!clips.loading() && clips.value()?.length === 0}>
          <p class="nothing">{app.text('case.clips.none')}</p>
        </Show>
      </Panel>
      <Panel title={app.text('case.archive')}>
        <p>{app.text('case.archive.hint')}</p>
        <Refusal error={archives.error()} />
        <ExportRows items={archives.value() ?? []} names={props.names} onChange={archives.reload} />
        <div class="buttons">
          <button type="button" class="button primary" onClick={() => setAsking(true)}>
            {app.text('case.archive.make')}
          </button>
        </div>
      </Panel>
      <Show when={asking()}>
        <ArchiveDialog
          case={props.case}
          onClose={() => setAsking(false)}
          onDone={() => {
            setAsking(false)
            archives.reload()
          }}
        />
      </Show>
    </>
  )
}

function ArchiveDialog(props: { readonly case: string; onClose(): void; onDone(): void }): JSX.Element {
  const app = useApp()
  const [why, setWhy] = createSignal('')
  const [password, setPassword] = createSignal('')
  const short = () => password() !== '' && password().length < LEAST_PASSWORD
  const action = createAction(async () => {
    await recording.archive(app.client, props.case, why().trim(), password() === '' ? null : password())
    props.onDone()
  })
  return (
    <Dialog title={app.text('case.archive')} onClose={() => { props.onClose() }}>
      <Form action={action} submit={app.text('export.start')} disabled={why().trim() === '' || short()}>
        <Field label={app.text('export.why')} value={why()} onInput={setWhy} hint={app.text('export.why.hint')} maxlength={500} focus required />
        <Field
          label={app.text('export.password')}
          type="password"
          autocomplete="new-password"
          value={password()}
          onInput={setPassword}
          hint={app.text('export.password.hint')}
          error={short() ? app.text('field.password.hint', { least: LEAST_PASSWORD }) : undefined}
        />
      </Form>
    </Dialog>
  )
}

function Notes(props: { readonly case: string; readonly nameOf: (by: string) => string }): JSX.Element {
  const app = useApp()
  const [said, setSaid] = createSignal('')
  const list = createData(
    () => props.case,
    (id) => recording.notes(app.client, id),
  )
  const add = createAction(async () => {
    await recording.note(app.client, props.case, said().trim())
    setSaid('')
    list.reload()
  })
  return (
    <Panel title={app.text('case.notes')}>
      <Refusal error={list.error()} />
      <ul class="rows">
        <For each={list.value()} fallback={<Show when={!list.loading()}><li class="nothing">{app.text('case.notes.none')}</li></Show>}>
          {(note) => (
            <li>
              <span class="grow">
                <span class="note-text">{note.text}</span>
                <small>{`${props.nameOf(note.by)} · ${app.t().time(note.at_us)}`}</small>
              </span>
            </li>
          )}
        </For>
      </ul>
      <Form action={add} submit={app.text('case.note.add')} disabled={said().trim() === ''}>
        <Field label={app.text('case.note')} value={said()} onInput={setSaid} hint={app.text('case.note.hint')} maxlength={4000} />
      </Form>
    </Panel>
  )
}
