import { createSignal, For, type JSX } from 'solid-js'
import { useApp } from '../ui/app'
import { GOALS, type Goal } from './search'

/** To the next event, bookmark or gap, and to the one before. */
export function Jumps(props: { readonly disabled: boolean; onGo(goal: Goal, forward: boolean): void }): JSX.Element {
  const app = useApp()
  const [goal, setGoal] = createSignal<Goal>('event')
  const label = (forward: boolean) => app.text(forward ? 'play.go.next' : 'play.go.before', { what: app.text(`goal.${goal()}`) })
  return (
    <span class="joined" role="group" aria-label={app.text('play.go')}>
      <button type="button" class="button icon" aria-label={label(false)} title={label(false)} disabled={props.disabled} onClick={() => { props.onGo(goal(), false) }}>
        ‹
      </button>
      <select class="language" aria-label={app.text('play.go')} onChange={(event) => setGoal(event.currentTarget.value as Goal)}>
        <For each={GOALS}>{(one) => <option value={one}>{app.text(`goal.${one}`)}</option>}</For>
      </select>
      <button type="button" class="button icon" aria-label={label(true)} title={label(true)} disabled={props.disabled} onClick={() => { props.onGo(goal(), true) }}>
        ›
      </button>
    </span>
  )
}
