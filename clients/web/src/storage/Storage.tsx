import { createMemo, For, Show, type JSX } from 'solid-js'
import type { CameraItem } from '../api/cameras'
import { recording, type EvidenceKey, type Forecast, type Volume } from '../api/recording'
import { save } from '../lib/save'
import { useApp } from '../ui/app'
import { createData } from '../ui/createData'
import { CopyButton } from '../ui/CopyButton'
import { Refusal } from '../ui/Form'
import { Page, Panel } from '../ui/Page'

/** Where recordings are, for how long the room lasts, and the keys that seal them. */
export function Storage(): JSX.Element {
  const app = useApp()
  const volumes = createData(
    () => undefined,
    () => recording.volumes(app.client),
  )
  const cameras = createData(
    () => undefined,
    () => (app.may('camera.read') ? app.client.all<CameraItem>('/cameras') : Promise.resolve([])),
  )
  const forecast = createData(
    () => cameras.value()?.map(({ id }) => id) ?? [],
    (ids) => recording.forecast(app.client, ids),
  )
  // Who takes nothing away has nothing to compare them with.
  const keys = createData(
    () => undefined,
    () => (app.may('clip.export') ? recording.keys(app.client) : Promise.resolve([])),
  )
  const again = () => {
    volumes.reload()
    cameras.reload()
  }
  return (
    <Page
      title={app.text('storage.title')}
      actions={
        <button type="button" class="button" disabled={volumes.loading() || forecast.loading()} onClick={again}>
          {app.text('storage.again')}
        </button>
      }
    >
      <Refusal error={volumes.error() ?? cameras.error() ?? forecast.error()} />
      <Panel title={app.text('storage.volumes')}>
        <ul class="rows">
          <For each={volumes.value()} fallback={<Show when={!volumes.loading()}><li class="nothing">{app.text('storage.none')}</li></Show>}>
            {(volume) => <VolumeRow volume={volume} days={daysOf(forecast.value(), volume.name)} />}
          </For>
        </ul>
      </Panel>
      <Cameras forecast={forecast.value()} names={new Map(cameras.value()?.map(({ id, name }) => [id, name]))} />
      <Show when={app.may('clip.export')}>
        <Panel title={app.text('storage.keys')}>
          <p>{app.text('storage.keys.hint')}</p>
          <Refusal error={keys.error()} />
          <ul class="rows">
            <For each={keys.value()}>{(key) => <KeyRow of={key} />}</For>
          </ul>
        </Panel>
      </Show>
    </Page>
  )
}

function daysOf(forecast: Forecast | undefined, name: string): number | null | undefined {
  return forecast?.volumes.find((one) => one.volume === name)?.days
}

function VolumeRow(props: { readonly volume: Volume; readonly days: number | null | undefined }): JSX.Element {
  const app = useApp()
  const used = () => props.volume.bytes
  /** A disk that does not work fills no more: nothing is foretold of it. */
  const lasts = () => props.days !== undefined && (works() || props.days !== null)
  const works = () => props.volume.state === 'ok' || props.volume.state === 'working'
  return (
    <li>
      <span class="volume">
        <b>{props.volume.name}</b> <code>{props.volume.path}</code>
        <span class="tag" classList={{ warn: !works() }}>
          <span class="dot" classList={{ live: works(), bad: !works() }} />
          {works() ? app.text('storage.works') : (props.volume.reason === null ? props.volume.state : app.t().gap({ code: props.volume.reason, values: {} }))}
        </span>
        <Show when={props.volume.free !== null}>
          <meter min={0} max={used() + (props.volume.free ?? 0)} value={used()} aria-label={app.text('storage.use', { name: props.volume.name })} />
        </Show>
        <small>
          {app.text('storage.sizes', { used: app.t().size(used()), free: props.volume.free === null ? '∞' : app.t().size(props.volume.free), rate: app.t().number((props.volume.rate * 8) / 1e6, 1) })}
          {` · ${app.text('storage.commit', { ms: app.t().number(props.volume.commit_ms) })}`}
        </small>
      </span>
      <Show when={lasts()}>
        <strong class="forecast">
          {props.days === null ? app.text('storage.forever') : app.text('storage.days', { days: app.t().number(props.days ?? 0, 1) })}
        </strong>
      </Show>
    </li>
  )
}

function Cameras(props: { readonly forecast: Forecast | undefined; readonly names: ReadonlyMap<string, string> }): JSX.Element {
  const app = useApp()
  /** What takes most room stands first. */
  const sorted = createMemo(() => [...(props.forecast?.cameras ?? [])].sort((one, other) => other.bytes - one.bytes))
  return (
    <Show when={sorted().length > 0}>
      <div class="table" tabindex="0" role="region" aria-label={app.text('storage.cameras')}>
        <table>
          <thead>
            <tr>
              <th scope="col">{app.text('scope.camera')}</th>
              <th scope="col" class="number">{app.text('storage.size')}</th>
              <th scope="col" class="number">{app.text('storage.rate')}</th>
              <th scope="col" class="time">{app.text('storage.oldest')}</th>
              <th scope="col" class="number">{app.text('storage.lasts')}</th>
            </tr>
          </thead>
          <tbody>
            <For each={sorted()}>
              {(camera) => (
                <tr>
                  <td>
                    <a href={`/cameras/${camera.camera}`}>{props.names.get(camera.camera) ?? camera.camera}</a>
                  </td>
                  <td class="number">{app.t().size(camera.bytes)}</td>
                  <td class="number">{`${app.t().number((camera.rate * 8) / 1e6, 1)} Mbit/s`}</td>
                  <td class="time">{camera.oldest_us === null ? '–' : app.t().time(camera.oldest_us)}</td>
                  <td class="number">{camera.days === null ? '–' : app.text('storage.days', { days: app.t().number(camera.days, 1) })}</td>
                </tr>
              )}
            </For>
          </tbody>
        </table>
      </div>
    </Show>
  )
}

/** A key's fingerprint is what one compares, or hands to who verifies. */
function KeyRow(props: { readonly of: EvidenceKey }): JSX.Element {
  const app = useApp()
  let shown: HTMLElement | undefined
  return (
    <li>
      <span class="grow">
        <small>{app.text('storage.key.fingerprint')}</small>
        <code ref={shown}>{props.of.fingerprint}</code>
        <small>{app.text('storage.key.since', { time: app.t().time(props.of.since_us) })}</small>
      </span>
      <span class="buttons">
        <CopyButton text={props.of.fingerprint} shown={() => shown} />
        <button type="button" class="button" onClick={() => { save(`evidence-key-${props.of.fingerprint.slice(0, 12)}.pem`, props.of.pem, 'application/x-pem-file') }}>
          {app.text('storage.key.download')}
        </button>
      </span>
    </li>
  )
}
