import { createMemo, Show, type JSX } from 'solid-js'
import { SECOND, type Zone } from '../lib/zone'
import { useApp } from '../ui/app'
import { createData } from '../ui/createData'
import type { Nearest as Found } from './search'

export interface NearestProps {
  readonly name: string
  readonly at: number
  readonly zone: Zone
  readonly find: (us: number) => Promise<Found>
  onSeek(us: number): void
}

/** Nothing was recorded at this moment: says so, and offers the recorded moments next to it. */
export function Nearest(props: NearestProps): JSX.Element {
  const app = useApp()
  const found = createData(
    () => props.at,
    (us) => props.find(us),
  )
  const format = createMemo(() => new Intl.DateTimeFormat(app.choice.language(), { timeZone: props.zone.name, dateStyle: 'short', timeStyle: 'medium' }))
  const time = (us: number) => format().format(us / 1000)
  return (
    <p class="nearest" role="status">
      <span>{app.text('play.nothing_at', { name: props.name, time: time(props.at) })}</span>
      <Show when={found.value()?.before}>
        {(us) => (
          <button type="button" class="button" onClick={() => { props.onSeek(us() - SECOND) }}>
            {app.text('play.nearest.before', { time: time(us() - SECOND) })}
          </button>
        )}
      </Show>
      <Show when={found.value()?.after}>
        {(us) => (
          <button type="button" class="button" onClick={() => { props.onSeek(us()) }}>
            {app.text('play.nearest.after', { time: time(us()) })}
          </button>
        )}
      </Show>
      <Show when={found.value() !== undefined && found.value()?.before === undefined && found.value()?.after === undefined}>
        <span>{app.text('play.nearest.none')}</span>
      </Show>
    </p>
  )
}
