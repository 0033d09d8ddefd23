import { DAY, HOUR, MINUTE, SECOND, type Zone } from './zone'

/** A stretch of time drawn on so many pixels. Moments are microseconds of UTC. */
export interface View {
  readonly from: number
  readonly to: number
  readonly width: number
}

export const WIDEST = 31 * DAY
export const NARROWEST = 4 * SECOND

export const spanOf = (view: View): number => view.to - view.from
/** Microseconds a pixel. */
export const scaleOf = (view: View): number => spanOf(view) / Math.max(1, view.width)
export const xOf = (view: View, us: number): number => ((us - view.from) / spanOf(view)) * view.width
export const usAt = (view: View, x: number): number => Math.round(view.from + (x / Math.max(1, view.width)) * spanOf(view))

/** So much time around a moment, the moment in the middle. */
export function around(us: number, span: number, width: number): View {
  const wide = Math.min(WIDEST, Math.max(NARROWEST, span))
  const from = Math.round(us - wide / 2)
  return { from, to: from + wide, width }
}

/** Closer by a factor above 1, what is at pixel `x` stays there. */
export function zoom(view: View, factor: number, x: number): View {
  const span = Math.round(Math.min(WIDEST, Math.max(NARROWEST, spanOf(view) / factor)))
  const anchor = usAt(view, x)
  const from = Math.round(anchor - (x / Math.max(1, view.width)) * span)
  return { from, to: from + span, width: view.width }
}

/** Moved by pixels: later things come into view where they are above 0. */
export function pan(view: View, pixels: number): View {
  const by = Math.round(pixels * scaleOf(view))
  return { from: view.from + by, to: view.to + by, width: view.width }
}

/** The same stretch, moved only as far as it takes to show this moment with some room. */
export function showing(view: View, us: number): View {
  const room = spanOf(view) * 0.08
  if (us < view.from + room) return pan(view, (us - view.from - room) / scaleOf(view))
  if (us > view.to - room) return pan(view, (us - view.to + room) / scaleOf(view))
  return view
}

export interface Tick {
  readonly us: number
  readonly kind: 'day' | 'time' | 'minor'
}

/** Distances between ticks. From a day on they are counted in days, as days have no fixed length. */
const STEPS = [
  SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND,
  MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
  HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR,
] as const
const DAY_STEPS = [1, 2, 5, 10] as const

export interface Ticks {
  /** Between labelled ticks, in microseconds; days from a day on. */
  readonly step: number
  readonly all: readonly Tick[]
}

/** Where the axis is marked: labels `room` pixels or more apart, days where days begin in the zone. */
export function ticksOf(view: View, zone: Zone, room = 76): Ticks {
  const least = room * scaleOf(view)
  const step = STEPS.find((one) => one >= least)
  return step === undefined ? dayTicks(view, zone, least) : timeTicks(view, zone, step)
}

function dayTicks(view: View, zone: Zone, least: number): Ticks {
  const days = DAY_STEPS.find((one) => one * DAY >= least) ?? 10
  const all: Tick[] = []
  for (let us = zone.dayStart(view.from); us <= view.to; us = zone.dayAfter(us)) {
    const labelled = Math.floor(zone.local(us) / DAY) % days === 0
    all.push({ us, kind: labelled ? 'day' : 'minor' })
  }
  return { step: days * DAY, all: all.filter((tick) => tick.us >= view.from) }
}

/** Steps are those of the clock on the wall, day by day: a change of the clock moves what comes after. */
function timeTicks(view: View, zone: Zone, step: number): Ticks {
  const fine = MINORS.get(step) ?? step
  const all: Tick[] = []
  for (let day = zone.dayStart(view.from); day <= view.to; day = zone.dayAfter(day)) {
    const end = Math.min(view.to, zone.dayAfter(day) - 1)
    if (day >= view.from) all.push({ us: day, kind: 'day' })
    // Begins near the view: a day has 86,400 seconds.
    const skipped = Math.max(0, Math.floor((view.from - day) / fine) - Math.ceil(2 * HOUR / fine)) * fine
    for (let us = day + skipped + fine - modulo(zone.local(day + skipped), fine); us <= end; us += fine) {
      if (us < view.from) continue
      const shown = zone.local(us)
      // The clock was changed since: on with what it shows now.
      if (shown % fine !== 0) us -= modulo(shown, fine)
      if (shown % fine !== 0) continue
      all.push({ us, kind: shown % step === 0 ? 'time' : 'minor' })
    }
  }
  return { step, all }
}

/** Small ticks between those with a label. */
const MINORS = new Map<number, number>([
  [5 * SECOND, SECOND], [10 * SECOND, 2 * SECOND], [15 * SECOND, 5 * SECOND], [30 * SECOND, 10 * SECOND],
  [MINUTE, 15 * SECOND], [2 * MINUTE, 30 * SECOND], [5 * MINUTE, MINUTE], [10 * MINUTE, 2 * MINUTE],
  [15 * MINUTE, 5 * MINUTE], [30 * MINUTE, 10 * MINUTE], [HOUR, 15 * MINUTE], [2 * HOUR, 30 * MINUTE],
  [3 * HOUR, HOUR], [6 * HOUR, HOUR], [12 * HOUR, 3 * HOUR],
])

const modulo = (value: number, by: number): number => ((value % by) + by) % by

export interface Stretch {
  readonly from_us: number
  readonly to_us: number
}

/** What lies at a moment, in a list in order of time. */
export function stretchAt<T extends Stretch>(sorted: readonly T[], us: number): T | undefined {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle]?.to_us ?? 0) <= us) low = middle + 1
    else high = middle
  }
  const found = sorted[low]
  return found !== undefined && found.from_us <= us ? found : undefined
}

/** The first that begins after a moment. */
export function stretchAfter<T extends Stretch>(sorted: readonly T[], us: number): T | undefined {
  return sorted.find((one) => one.from_us > us)
}

/** What to ask the server for: the view and as much again on either side, on a grid, so that small moves ask nothing. */
export function windowOf(view: View): Stretch {
  const grid = 2 ** Math.ceil(Math.log2(spanOf(view)))
  return { from_us: Math.floor(view.from / grid - 0.5) * grid, to_us: Math.ceil(view.to / grid + 0.5) * grid }
}

/** Seconds a pixel, rounded down to a power of two: two near scales share an answer. */
export function zoomOf(view: View): number {
  return 2 ** Math.floor(Math.log2(scaleOf(view) / SECOND))
}
