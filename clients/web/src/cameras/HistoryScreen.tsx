import { createSignal, For, Show, type JSX } from 'solid-js'
import { cameras, type Outage, type Span, type Uptime } from '../api/cameras'
import { useApp } from '../ui/app'
import { createData, createPages } from '../ui/createData'
import { Select } from '../ui/Field'
import { Refusal } from '../ui/Form'
import { List } from '../ui/List'
import { Page, Panel } from '../ui/Page'
import { StatusTag } from './StatusTag'

const DAYS = [1, 7, 30, 365] as const
const STREAMS = ['main', 'sub'] as const

/** What became of a camera: how long it was online, and every change with its reason. */
export function HistoryScreen(props: { readonly id?: string }): JSX.Element {
  const app = useApp()
  const id = () => props.id ?? ''
  const [stream, setStream] = createSignal<string>('main')
  const camera = createData(
    id,
    (wanted) => cameras.get(app.client, wanted),
  )
  const pages = createPages(
    () => ({ id: id(), stream: stream() }),
    (asked, cursor) => cameras.history(app.client, asked.id, { stream: asked.stream, cursor }),
  )
  return (
    <Page
      title={app.text('history.title', { name: camera.value()?.name ?? '' })}
      back={{ to: `/cameras/${id()}`, label: camera.value()?.name ?? app.text('nav.cameras') }}
    >
      <Refusal error={camera.error()} />
      <Show when={camera.value()}>
        <UptimePanel id={id()} />
        <div class="filters">
          <Select
            label={app.text('history.stream')}
            value={stream()}
            choices={STREAMS.map((one) => ({ value: one, label: app.text(`stream.${one}`) }))}
            onChange={setStream}
          />
        </div>
        <List
          label={app.text('history.changes')}
          pages={pages}
          empty={app.text('history.none')}
          columns={[
            { title: app.text('audit.time'), class: 'time', cell: (change) => app.t().time(change.at_us) },
            {
              title: app.text('users.state'),
              cell: (change) => <StatusTag status={{ ...change, since_us: change.at_us }} />,
            },
          ]}
        />
      </Show>
    </Page>
  )
}

/** How long the main stream was online in the last days, and when it was not. */
function UptimePanel(props: { readonly id: string }): JSX.Element {
  const app = useApp()
  const [days, setDays] = createSignal('7')
  const report = createData(
    () => ({ id: props.id, days: Number(days()) }),
    (asked) => cameras.uptime(app.client, asked.id, asked.days),
  )
  return (
    <Panel title={app.text('uptime.title')}>
      <div class="filters">
        <Select
          label={app.text('uptime.period')}
          value={days()}
          choices={DAYS.map((count) => ({ value: String(count), label: app.text('uptime.days', { count }) }))}
          onChange={setDays}
        />
      </div>
      <Refusal error={report.error()} />
      <Show when={report.value()} keyed>
        {(found) => (
          <>
            <Figures uptime={found} />
            <Outages uptime={found} />
            <Unknown spans={found.unknown} />
          </>
        )}
      </Show>
    </Panel>
  )
}

function Figures(props: { readonly uptime: Uptime }): JSX.Element {
  const app = useApp()
  const percent = () => {
    const known = props.uptime.percent
    // Rounded down: 99.999 % is not all of it.
    return known === null ? app.text('uptime.nothing') : `${app.t().number(Math.floor(known * 100) / 100, 2)} %`
  }
  const times = () =>
    [
      ['online', props.uptime.online_us],
      ['offline', props.uptime.offline_us],
      ['off', props.uptime.off_us],
      ['unknown', props.uptime.unknown_us],
    ] as const
  return (
    <dl class="figures">
      <div>
        <dt>{app.text('uptime.percent')}</dt>
        <dd class="large">{percent()}</dd>
      </div>
      <For each={times()}>
        {([state, us]) => (
          <div>
            <dt>{app.text(`camera.${state}`)}</dt>
            <dd>{app.t().duration(us)}</dd>
          </div>
        )}
      </For>
    </dl>
  )
}

function Outages(props: { readonly uptime: Uptime }): JSX.Element {
  const app = useApp()
  const newest = () => props.uptime.outages.toReversed()
  const why = (outage: Outage) => outage.reasons.map((reason) => app.t().reason(reason)).join(' · ')
  return (
    <>
      <h3>{app.text('uptime.outages', { count: props.uptime.outages_total })}</h3>
      <ul class="rows">
        <For each={newest()} fallback={<li class="nothing">{app.text('uptime.outages.none')}</li>}>
          {(outage) => (
            <li>
              <span>
                <b>
                  {app.t().time(outage.from_us)} – {app.t().time(outage.to_us)}
                </b>
                <small>{why(outage)}</small>
              </span>
              <span class="tag">{app.t().duration(outage.to_us - outage.from_us)}</span>
            </li>
          )}
        </For>
      </ul>
    </>
  )
}

/** Times of which nobody knows, as the product itself did not run. */
function Unknown(props: { readonly spans: readonly Span[] }): JSX.Element {
  const app = useApp()
  return (
    <Show when={props.spans.length > 0}>
      <h3>{app.text('uptime.unknown')}</h3>
      <p>{app.text('uptime.unknown.hint')}</p>
      <ul class="rows">
        <For each={props.spans.toReversed()}>
          {(span) => (
            <li>
              <span>
                {app.t().time(span.from_us)} – {app.t().time(span.to_us)}
              </span>
              <span class="tag">{app.t().duration(span.to_us - span.from_us)}</span>
            </li>
          )}
        </For>
      </ul>
    </Show>
  )
}
