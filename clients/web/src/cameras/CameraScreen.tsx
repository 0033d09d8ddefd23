import { For, onCleanup, Show, type JSX } from 'solid-js'
import { cameras, type Area, type Camera } from '../api/cameras'
import { isPublished } from '../lib/address'
import { useApp } from '../ui/app'
import { createData } from '../ui/createData'
import { AskedButton } from '../ui/Dialog'
import { Refusal } from '../ui/Form'
import { Page, Panel } from '../ui/Page'
import { CameraForm } from './CameraForm'
import { PushTarget } from './PushTarget'
import { Recording } from './Recording'
import { StatusTag } from './StatusTag'

/** How often it is asked what plays and who is reached. */
const REFRESH_MS = 5_000

/** One camera, or a new one. */
export function CameraScreen(props: { readonly id?: string }): JSX.Element {
  const app = useApp()
  const data = createData(
    () => props.id,
    (id) => (id === undefined ? Promise.resolve(undefined) : cameras.get(app.client, id)),
  )
  const title = () => data.value()?.name ?? (props.id === undefined ? app.text('cameras.new') : '')
  return (
    <Page
      title={title()}
      back={{ to: '/cameras', label: app.text('nav.cameras') }}
      actions={
        <Show when={props.id !== undefined && app.may('playback.view')}>
          <a class="button" href={`/playback?cameras=${props.id ?? ''}`}>
            {app.text('cameras.recordings')}
          </a>
        </Show>
      }
    >
      <Refusal error={data.error()} />
      <Show when={props.id === undefined}>
        <CameraForm camera={undefined} onSaved={(camera) => { app.router.go(`/cameras/${camera.id}`) }} />
      </Show>
      <Show when={data.value()} keyed>
        {(camera) => (
          <>
            <Status camera={camera} />
            <CameraForm camera={camera} onSaved={data.set} onReload={data.reload} />
            <Recording camera={camera.id} />
            <Areas title={app.text('cameras.masks')} areas={camera.masks} />
            <Areas title={app.text('cameras.zones')} areas={camera.zones} />
            <Show when={app.may('camera.manage')}>
              <div class="buttons">
                <AskedButton
                  label={app.text('cameras.delete')}
                  question={app.text('cameras.delete.ask', { name: camera.name })}
                  danger
                  onAct={() =>
                    cameras.delete(app.client, camera).then(() => {
                      app.router.go('/cameras')
                    })
                  }
                />
              </div>
            </Show>
          </>
        )}
      </Show>
    </Page>
  )
}

function Status(props: { readonly camera: Camera }): JSX.Element {
  const app = useApp()
  const now = createData(
    () => props.camera.id,
    (id) => cameras.now(app.client, id),
  )
  const refresh = setInterval(() => { now.reload() }, REFRESH_MS)
  onCleanup(() => { clearInterval(refresh) })
  const live = (stream: string) => now.value()?.streams.find((one) => one.stream === stream)
  const onBackup = (stream: string) => live(stream)?.backup === true
  const seconds = (): Readonly<Record<string, string | null>> => ({
    main: props.camera.backup_url,
    sub: props.camera.backup_sub_url,
  })
  const targets = (): Readonly<Record<string, readonly string[]>> => ({
    main: props.camera.push,
    sub: props.camera.sub_push,
  })
  return (
    <Panel>
      <div class="status">
        <StatusTag status={props.camera.status} />{' '}
        <a href={`/cameras/${props.camera.id}/history`}>{app.text('history.open')}</a>
      </div>
      <Refusal error={now.error()} />
      <ul class="addresses">
        <For each={Object.entries(props.camera.streams)}>
          {([stream, address]) => (
            <>
              <Address stream={stream} address={address} />
              <Show when={seconds()[stream]}>
                {(second) => <Address stream={stream} address={second()} backup plays={onBackup(stream)} />}
              </Show>
              <For each={targets()[stream]}>
                {(address, index) => <PushTarget stream={stream} address={address} told={live(stream)?.push?.[index()]} />}
              </For>
            </>
          )}
        </For>
      </ul>
      <Show when={isPublished(props.camera.url)}>
        <p>
          {app.text('cameras.publish.key')} <a href="/account">{app.text('keys.stream')}</a>
        </p>
      </Show>
    </Panel>
  )
}

interface AddressProps {
  readonly stream: string
  readonly address: string
  readonly backup?: boolean
  /** It is the second address that plays now. */
  readonly plays?: boolean
}

function Address(props: AddressProps): JSX.Element {
  const app = useApp()
  return (
    <li>
      <span class="tag">{props.stream}</span>{' '}
      <Show when={props.backup}>
        <span class="tag">{app.text('cameras.backup.tag')}</span>{' '}
      </Show>
      <Show when={!isPublished(props.address)} fallback={app.text('cameras.direction.publish')}>
        <code>{props.address}</code>
      </Show>
      <Show when={props.plays}>
        {' '}
        <span class="tag">
          <span class="dot warn" />
          {app.text('cameras.backup.plays')}
        </span>
      </Show>
    </li>
  )
}

/** Masks or zones as they are kept: names and corners. They are drawn elsewhere. */
function Areas(props: { readonly title: string; readonly areas: readonly Area[] }): JSX.Element {
  const corners = (area: Area) => area.points.map(([x, y]) => `(${x}, ${y})`).join(' ')
  return (
    <Show when={props.areas.length > 0}>
      <Panel title={props.title}>
        <ul class="rows">
          <For each={props.areas}>
            {(area) => (
              <li>
                <span>
                  <b>{area.name}</b>
                  <small>{corners(area)}</small>
                </span>
              </li>
            )}
          </For>
        </ul>
      </Panel>
    </Show>
  )
}
