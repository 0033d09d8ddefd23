/** How a video element stays near the newest picture of what is put into its buffer. Times in seconds. */

export interface Edge {
  /** Where the element is, and where its newest picture ends. */
  readonly position: number
  readonly end: number
  /** So far behind the end it should be. */
  readonly lag: number
}

export interface Following {
  /** Where to jump; undefined where it goes on. */
  readonly jump: number | undefined
  readonly rate: number
}

/** The smallest lag; what each time without a next picture adds to it, and each calm stretch takes back. */
export const LEAST_LAG = 0.25
const MORE_LAG = 0.1
const LESS_LAG = 0.05
const MOST_LAG = 1.5
/** Beyond its lag: caught up by speed from here, by a jump from there. */
const NOTICED = 0.15
const FAR = 1.5
/** Faster than anybody sees. */
const HURRY = 1.05

/** What to do where the element is. */
export function follow({ position, end, lag }: Edge): Following {
  const late = end - position - lag
  // Before what is there, or past it: it would stand still.
  if (late > FAR || position > end) return { jump: Math.max(0, end - lag), rate: 1 }
  return { jump: undefined, rate: late > NOTICED ? HURRY : 1 }
}

/** The lag of one that had no next picture in time. */
export function widen(lag: number): number {
  return Math.min(lag + MORE_LAG, MOST_LAG)
}

/** The lag after a calm stretch. */
export function narrow(lag: number): number {
  return Math.max(lag - LESS_LAG, LEAST_LAG)
}
