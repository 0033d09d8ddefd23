import { SECOND } from '../lib/zone'

/** What an address of the playback screen names. */
export interface Place {
  readonly cameras: readonly string[]
  /** Microseconds of UTC; undefined where none is named. */
  readonly at: number | undefined
}

export function placeOf(query: URLSearchParams): Place {
  const cameras = (query.get('cameras') ?? '').split(',').filter((id) => id !== '')
  return { cameras: [...new Set(cameras)], at: momentIn(query.get('at')) }
}

/** A time as people write it, or microseconds of UTC. */
function momentIn(text: string | null): number | undefined {
  if (text === null || text === '') return undefined
  if (/^\d{15,16}$/.test(text)) return Number(text)
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? undefined : ms * 1000
}

export function playbackAddress(cameras: readonly string[], at?: number): string {
  const query = [`cameras=${cameras.map(encodeURIComponent).join(',')}`]
  if (at !== undefined) query.push(`at=${new Date(Math.floor(at / (SECOND / 1000))).toISOString()}`)
  return `/playback?${query.join('&')}`
}
