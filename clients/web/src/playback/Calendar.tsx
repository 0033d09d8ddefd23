import { createMemo, createSignal, For, Show, type JSX } from 'solid-js'
import { recording } from '../api/recording'
import { DAY, dayOf, localOf, type Zone } from '../lib/zone'
import { useApp } from '../ui/app'
import { createData } from '../ui/createData'
import { Dialog } from '../ui/Dialog'
import { Refusal } from '../ui/Form'

export interface CalendarProps {
  readonly cameras: readonly string[]
  readonly position: number
  readonly zone: Zone
  onChoose(us: number): void
}

/** The day that is looked at; opens a month with the days that have recordings. */
export function Calendar(props: CalendarProps): JSX.Element {
  const app = useApp()
  const [open, setOpen] = createSignal(false)
  const label = () =>
    new Intl.DateTimeFormat(app.choice.language(), { timeZone: props.zone.name, weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' }).format(props.position / 1000)
  return (
    <>
      <button type="button" class="button" aria-haspopup="dialog" title={app.text('play.calendar')} onClick={() => setOpen(true)}>
        {label()}
      </button>
      <Show when={open()}>
        <Dialog title={app.text('play.calendar')} onClose={() => setOpen(false)}>
          <Month
            {...props}
            onChoose={(us) => {
              props.onChoose(us)
              setOpen(false)
            }}
          />
        </Dialog>
      </Show>
    </>
  )
}

const MONDAY = Date.UTC(2024, 0, 1) * 1000

/** The first of a month, so many months on, as a local time. */
function monthOf(local: number, by: number): number {
  const date = new Date(local / 1000)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + by, 1) * 1000
}

function Month(props: CalendarProps): JSX.Element {
  const app = useApp()
  // Where one begins to look; it is moved by hand from there.
  // eslint-disable-next-line solid/reactivity
  const [first, setFirst] = createSignal(monthOf(props.zone.local(props.position), 0))
  const days = createMemo(() => {
    const all: string[] = []
    for (let local = first(); local < monthOf(first(), 1); local += DAY) all.push(dayOf(local))
    return all
  })
  /** Monday is the first column. */
  const before = () => (new Date(first() / 1000).getUTCDay() + 6) % 7
  const found = createData(
    () => ({ cameras: props.cameras, from_us: props.zone.at(first()), to_us: props.zone.at(monthOf(first(), 1)) }),
    async ({ cameras, from_us, to_us }) => {
      const lines = await recording.timelines(app.client, cameras, { from_us, to_us, stream: 'main', zoom_us: DAY })
      return new Set(lines.flatMap((line) => line.days))
    },
  )
  const today = () => dayOf(props.zone.local(props.position))
  const last = () => dayOf(props.zone.local(Date.now() * 1000))
  /** From Monday on: the first of January 2024 was one. */
  const weekdays = () => Array.from({ length: 7 }, (_, index) => MONDAY + index * DAY)
  const named = (local: number, options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat(app.choice.language(), { timeZone: 'UTC', ...options }).format(local / 1000)

  return (
    <div class="calendar">
      <div class="buttons">
        <button type="button" class="button icon" aria-label={app.text('play.month.before')} onClick={() => setFirst(monthOf(first(), -1))}>
          ‹
        </button>
        <strong aria-live="polite">{named(first(), { month: 'long', year: 'numeric' })}</strong>
        <button type="button" class="button icon" aria-label={app.text('play.month.after')} onClick={() => setFirst(monthOf(first(), 1))}>
          ›
        </button>
      </div>
      <Refusal error={found.error()} />
      <div class="month">
        <For each={weekdays()}>
          {(day) => (
            <abbr class="weekday" title={named(day, { weekday: 'long' })}>
              {named(day, { weekday: 'short' })}
            </abbr>
          )}
        </For>
        <For each={days()}>
          {(day, index) => (
            <button
              type="button"
              class="day"
              classList={{ recorded: found.value()?.has(day) === true }}
              disabled={day > last()}
              aria-current={day === today() ? 'date' : undefined}
              aria-label={`${named(localOf(day), { dateStyle: 'full' })}${found.value()?.has(day) === true ? `, ${app.text('play.recorded')}` : ''}`}
              style={{ 'grid-column-start': index() === 0 ? String(before() + 1) : 'auto' }}
              onClick={() => { props.onChoose(props.zone.at(localOf(day))) }}
            >
              {Number(day.slice(8))}
            </button>
          )}
        </For>
      </div>
      <p class="calendar-key">
        <span class="day-dot" /> {app.text('play.recorded.day')}
      </p>
    </div>
  )
}
