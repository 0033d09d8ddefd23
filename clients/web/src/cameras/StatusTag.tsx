import { Show, type JSX } from 'solid-js'
import type { CameraStatus } from '../api/cameras'
import { useApp } from '../ui/app'

const DOTS: Readonly<Record<string, string>> = { online: 'live', offline: 'bad', off: 'off', unknown: 'off' }

/** How a camera is doing, and why. */
export function StatusTag(props: { readonly status: CameraStatus }): JSX.Element {
  const app = useApp()
  return (
    <>
      <span class="tag">
        <span class={`dot ${DOTS[props.status.state] ?? 'off'}`} />
        {app.text(`camera.${props.status.state}`)}
      </span>
      <Show when={props.status.reason}>{(reason) => <small>{app.t().reason(reason())}</small>}</Show>
    </>
  )
}
