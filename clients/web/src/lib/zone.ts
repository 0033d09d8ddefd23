/** Local time in a named zone. All moments are microseconds of UTC. */
export interface Zone {
  readonly name: string
  /** What a clock on the wall there shows, as if that were UTC. */
  local(us: number): number
  /** The moment at which that clock shows this; where it shows it twice, the first; where never, the next that it shows. */
  at(local: number): number
  /** The first moment of the day that this moment is in. Not midnight where midnight is skipped. */
  dayStart(us: number): number
  /** The first moment of the day so many days on. */
  dayAfter(us: number, days?: number): number
  /** `YYYY-MM-DD` of the day there. */
  day(us: number): string
}

export const SECOND = 1_000_000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

/** The zone of that name; one the browser does not know is read as UTC. */
export function makeZone(name: string): Zone {
  const format = formatOf(name)
  const used = format.resolvedOptions().timeZone

  function offset(us: number): number {
    const parts = new Map(format.formatToParts(us / 1000).map(({ type, value }) => [type, Number(value)]))
    const of = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0
    const shown = Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second'))
    return shown * 1000 - Math.floor(us / SECOND) * SECOND
  }
  const remembered = new Map<number, number>()
  /** Zones change their offset at whole quarters of an hour of UTC. */
  function offsetAt(us: number): number {
    const quarter = Math.floor(us / (15 * MINUTE))
    let found = remembered.get(quarter)
    if (found === undefined) {
      if (remembered.size > 4096) remembered.clear()
      found = offset(quarter * 15 * MINUTE)
      remembered.set(quarter, found)
    }
    return found
  }
  const local = (us: number) => us + offsetAt(us)

  function at(wanted: number): number {
    const before = offsetAt(wanted - DAY)
    const after = offsetAt(wanted + DAY)
    for (const guess of [wanted - Math.max(before, after), wanted - Math.min(before, after)]) {
      if (local(guess) === wanted) return guess
    }
    // The clock skips it: the change itself, found by halves.
    let low = wanted - Math.max(before, after)
    let high = wanted - Math.min(before, after)
    while (high - low > SECOND) {
      const middle = Math.floor((low + high) / 2 / SECOND) * SECOND
      if (middle <= low) break
      if (local(middle) >= wanted) high = middle
      else low = middle
    }
    return high
  }
  const midnight = (us: number) => Math.floor(local(us) / DAY) * DAY

  return {
    name: used,
    local,
    at,
    dayStart: (us) => at(midnight(us)),
    dayAfter: (us, days = 1) => at(midnight(us) + days * DAY),
    day: (us) => dayOf(local(us)),
  }
}

function formatOf(name: string): Intl.DateTimeFormat {
  const options = {
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  } as const
  try {
    return new Intl.DateTimeFormat('en', { ...options, timeZone: name })
  } catch {
    // A zone that is newer than the browser's tables.
    return new Intl.DateTimeFormat('en', { ...options, timeZone: 'UTC' })
  }
}

/** Clocks are set back by so much at most. */
const SET_BACK = [HOUR / 2, HOUR] as const

/** Whether the clock there shows this moment's time twice, as where it is set back in autumn. */
export function isTwice(us: number, zone: Zone): boolean {
  const shown = zone.local(us)
  return SET_BACK.some((by) => zone.local(us + by) === shown || zone.local(us - by) === shown)
}

/** `YYYY-MM-DD` of a local time. */
export function dayOf(local: number): string {
  return new Date(local / 1000).toISOString().slice(0, 10)
}

/** The local time at which this `YYYY-MM-DD` begins. */
export function localOf(day: string): number {
  return Date.parse(`${day}T00:00:00Z`) * 1000
}

/** What a `datetime-local` field with seconds holds for this moment. */
export function fieldOf(us: number, zone: Zone): string {
  return new Date(zone.local(us) / 1000).toISOString().slice(0, 19)
}

/** The moment that such a field holds; undefined where it holds none. */
export function momentOf(field: string, zone: Zone): number | undefined {
  const time = Date.parse(`${field.length === 16 ? `${field}:00` : field}Z`)
  return Number.isNaN(time) ? undefined : zone.at(time * 1000)
}
