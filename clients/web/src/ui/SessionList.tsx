import { For, Show, type JSX } from 'solid-js'
import { endSession, type SessionView } from '../api/account'
import { useApp } from './app'
import { AskedButton } from './Dialog'
import { Refusal } from './Form'

export interface SessionListProps {
  readonly sessions: readonly SessionView[]
  readonly error: unknown
  readonly onChanged: () => void
  endAll(): Promise<unknown>
}

/** Where somebody is signed in. */
export function SessionList(props: SessionListProps): JSX.Element {
  const app = useApp()
  const others = () => props.sessions.filter((session) => !session.current).length
  return (
    <>
      <h2>{app.text('sessions.title')}</h2>
      <Refusal error={props.error} />
      <Show when={props.sessions.length > 0} fallback={<p>{app.text('sessions.none')}</p>}>
        <ul class="rows">
          <For each={props.sessions}>
            {(session) => (
              <li>
                <span>
                  {session.agent === '' ? session.id : session.agent}
                  <small>
                    {session.address} · {app.text('sessions.used', { time: app.t().time(session.used_us) })}
                  </small>
                </span>
                <Show
                  when={!session.current}
                  fallback={<span class="tag">{app.text('sessions.current')}</span>}
                >
                  <AskedButton
                    label={app.text('sessions.end')}
                    question={app.text('sessions.end.ask')}
                    onAct={() =>
                      endSession(app.client, session.id).then(props.onChanged)
                    }
                  />
                </Show>
              </li>
            )}
          </For>
        </ul>
      </Show>
      <Show when={others() > 1}>
        <div class="buttons">
          <AskedButton
            label={app.text('sessions.end_all')}
            question={app.text('sessions.end_all.ask')}
            danger
            onAct={() =>
              props.endAll().then(props.onChanged)
            }
          />
        </div>
      </Show>
    </>
  )
}
