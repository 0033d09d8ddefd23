import { Show, type JSX } from 'solid-js'
import type { PushStatus, StreamState } from '../api/streams'
import { targetOf } from '../lib/address'
import { useApp } from '../ui/app'

export interface PushTargetProps {
  readonly stream: string
  readonly address: string
  /** What the server last told of the target at this place of its list. */
  readonly told: PushStatus | undefined
}

const DOTS: Readonly<Partial<Record<StreamState, string>>> = { connecting: 'busy', live: 'live', backing_off: 'bad' }

/** Somebody whom a stream is brought to: where he stands, and why. */
export function PushTarget(props: PushTargetProps): JSX.Element {
  const app = useApp()
  // Until the list is in force, that place may be another one's.
  const status = () => (props.told?.target === targetOf(props.address) ? props.told : undefined)
  return (
    <li>
      <span class="tag">{props.stream}</span> <span class="tag">{app.text('cameras.push.tag')}</span>{' '}
      <code>{props.address}</code>
      <Show when={status()}>
        {(found) => (
          <>
            {' '}
            <span class="tag">
              <span class={`dot ${DOTS[found().state] ?? 'off'}`} />
              {app.text(`state.${found().state}`)}
            </span>
            <Show when={found().reason}>
              {(reason) => (
                <>
                  {' '}
                  <small>{app.t().target(reason())}</small>
                </>
              )}
            </Show>
          </>
        )}
      </Show>
    </li>
  )
}
