import type { Timelapse } from '../api/recording'
import { SECOND } from './zone'

/** Pictures a second: a time-lapse is always shown as fast. */
const TIMELAPSE_RATE = 25
/** In seconds. */
export const MOST_EVERY = 86_400
export const MOST_LENGTH = 1200
/** What a time-lapse lasts where nobody says otherwise, in seconds. */
export const USUAL_LENGTH = 60

/** Seconds between pictures that people think in. */
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600] as const

/** How far its pictures are apart: never less than a second. */
function everyUs({ every_s, length_s }: Timelapse, time_us: number): number {
  if (typeof every_s === 'number') return every_s * SECOND
  return Math.max(SECOND, Math.floor(time_us / ((length_s ?? 1) * TIMELAPSE_RATE)))
}

/** How many pictures a time of this length gives, where all of it was recorded. */
export function picturesOf(pace: Timelapse, time_us: number): number {
  return Math.ceil(time_us / everyUs(pace, time_us))
}

/** How long such a time plays at most, in microseconds: in whole seconds, as people say it. */
export function lengthOf(pace: Timelapse, time_us: number): number {
  return Math.ceil(picturesOf(pace, time_us) / TIMELAPSE_RATE) * SECOND
}

/** The round pace at which so long a time is shown within the usual length. */
export function usualEvery(time_us: number): number {
  return STEPS.find((every_s) => picturesOf({ every_s }, time_us) <= USUAL_LENGTH * TIMELAPSE_RATE) ?? 3600
}
