import { createSignal, For, Show, type JSX } from 'solid-js'
import { audit, type AuditLine, type AuditReport, type AuditSearch } from '../api/audit'
import { download } from '../api/download'
import { microsecondsOf } from '../lib/numbers'
import { save } from '../lib/save'
import { useApp } from '../ui/app'
import { createAction } from '../ui/createAction'
import { createPages } from '../ui/createData'
import { createHome } from '../ui/createHome'
import { Field } from '../ui/Field'
import { Form, Refusal } from '../ui/Form'
import { HomeFilter } from '../ui/HomeFilter'
import { List } from '../ui/List'
import { Page, Panel } from '../ui/Page'

const PLATFORM = 'platform'
const KNOWN_OUTCOMES = ['ok', 'denied', 'failed'] as const

/** Who did what. To look is a line too, so it is asked for by a button and not at every letter. */
export function Audit(): JSX.Element {
  const app = useApp()
  const home = createHome()
  const [actor, setActor] = createSignal('')
  const [object, setObject] = createSignal('')
  const [action, setAction] = createSignal('')
  const [from, setFrom] = createSignal('')
  const [to, setTo] = createSignal('')
  const [asked, ask] = createSignal<AuditSearch>({})
  const pages = createPages(asked, (search, cursor) => audit.page(app.client, search, cursor))
  const wanted = (): AuditSearch => ({
    city: home.city(),
    actor: actor().trim(),
    object: object().trim(),
    action: action().trim(),
    from_us: microsecondsOf(from()),
    to_us: microsecondsOf(to()),
  })
  const search = createAction(() => {
    ask(wanted())
    return Promise.resolve()
  })
  const fetchTable = createAction(async () => {
    save('audit.csv', await download(app.client, '/audit/export.csv', wanted()), 'text/csv')
  })
  const fetchChain = createAction(async () => {
    const { from_us, to_us } = wanted()
    const query = { city: chain(), from_us, to_us }
    save('audit.jsonl', await download(app.client, '/audit/export.jsonl', query), 'application/jsonl')
  })
  const chain = () => (home.city() === '' ? PLATFORM : home.city())

  return (
    <Page
      title={app.text('nav.audit')}
      actions={
        <>
          <button type="button" class="button" disabled={fetchTable.busy()} onClick={() => void fetchTable.run()}>
            {app.text('audit.export')}
          </button>
          <button type="button" class="button" disabled={fetchChain.busy()} onClick={() => void fetchChain.run()}>
            {app.text('audit.export.chain')}
          </button>
        </>
      }
    >
      <Refusal error={fetchTable.error() ?? fetchChain.error()} />
      <Panel>
        <Form action={search} submit={app.text('list.search')}>
          <div class="filters">
            <HomeFilter home={home} all={app.text('home.all')} />
            <Field label={app.text('audit.actor')} value={actor()} onInput={setActor} placeholder="user:…" />
            <Field label={app.text('audit.action')} value={action()} onInput={setAction} placeholder="camera.*" />
            <Field label={app.text('audit.object')} value={object()} onInput={setObject} placeholder="camera:…" />
            <Field label={app.text('audit.from')} value={from()} onInput={setFrom} type="datetime-local" />
            <Field label={app.text('audit.to')} value={to()} onInput={setTo} type="datetime-local" />
          </div>
        </Form>
      </Panel>
      <Verify chain={chain()} />
      <List
        label={app.text('nav.audit')}
        pages={pages}
        empty={app.text('audit.none')}
        columns={[
          { title: app.text('audit.time'), class: 'time', cell: (line) => app.t().time(line.time_us) },
          { title: app.text('audit.actor'), cell: (line) => <Actor line={line} /> },
          {
            title: app.text('audit.action'),
            cell: (line) => (
              <>
                {line.action}
                <small>{line.object}</small>
              </>
            ),
          },
          { title: app.text('audit.outcome'), cell: (line) => <Outcome outcome={line.outcome} /> },
          { title: app.text('audit.details'), cell: (line) => <Details line={line} /> },
        ]}
      />
    </Page>
  )
}

function Actor(props: { readonly line: AuditLine }): JSX.Element {
  return (
    <>
      {props.line.name ?? props.line.actor}
      <small>{props.line.login ?? (props.line.name === null ? '' : props.line.actor)}</small>
    </>
  )
}

function Outcome(props: { readonly outcome: string }): JSX.Element {
  const app = useApp()
  const known = () => KNOWN_OUTCOMES.find((one) => one === props.outcome)
  const text = () => {
    const one = known()
    return one === undefined ? props.outcome : app.text(`outcome.${one}`)
  }
  return (
    <span class="tag" classList={{ warn: props.outcome !== 'ok' }}>
      {text()}
    </span>
  )
}

function Details(props: { readonly line: AuditLine }): JSX.Element {
  const text = () =>
    Object.entries(props.line.details)
      .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
      .join(', ')
  return (
    <>
      {text()}
      <small>{[props.line.city, props.line.address].filter((part) => part !== null).join(' · ')}</small>
    </>
  )
}

/** The proof that nothing of a chain was changed. */
function Verify(props: { readonly chain: string }): JSX.Element {
  const app = useApp()
  const [report, setReport] = createSignal<AuditReport>()
  const verify = createAction(async () => {
    setReport(undefined)
    setReport(await audit.verify(app.client, props.chain))
  })
  const said = (found: AuditReport) => {
    const values = { lines: app.t().number(found.lines), faults: app.t().number(found.fault_count), chain: found.city }
    return app.text(found.intact ? 'audit.intact' : 'audit.broken', values)
  }
  return (
    <Panel>
      <div class="buttons">
        <button type="button" class="button" disabled={verify.busy()} onClick={() => void verify.run()}>
          {app.text('audit.verify', { chain: props.chain })}
        </button>
        <Show when={verify.busy()}>
          <span role="status">{app.text('audit.verifying')}</span>
        </Show>
      </div>
      <Refusal error={verify.error()} />
      <Show when={report()}>
        {(found) => (
          <div class={found().intact ? 'done' : 'refusal'} role="status">
            <span>
              {said(found())}
              <Show when={!found().signer_known}>{` ${app.text('audit.signer')}`}</Show>
            </span>
            <Show when={!found().intact}>
              <ul class="faults">
                <For each={found().faults}>
                  {(fault) => (
                    <li>{`${fault.kind} ${fault.first}${fault.last > fault.first ? `–${fault.last}` : ''} ${fault.about}`}</li>
                  )}
                </For>
              </ul>
            </Show>
          </div>
        )}
      </Show>
    </Panel>
  )
}
