import type { Sample } from './fmp4'
import type { TileFrame } from './mediaSocket'

/** Gives the frames of one stream what a file needs to know of them. */
export interface Timing {
  /** The frame before this one: how long it lasts is known only now. */
  next(frame: TileFrame): Sample | undefined
}

/** Times of a file begin here: a frame that is shown before the first one still has a time, microseconds. */
const BEGIN = 1_000_000
/** Of a stream whose pace is not yet known, microseconds. */
const PACE = 40_000

/**
 * The socket tells when a frame is shown, not its turn in decoding. Frames come
 * in that turn, so one that is shown later than its successor (B-frames) takes
 * the time of that successor.
 */
export function makeTiming(): Timing {
  let held: TileFrame | undefined
  let origin: number | undefined
  let decode = 0
  let pace = PACE

  return {
    next(frame) {
      const before = held
      held = frame
      origin ??= frame.shown - BEGIN
      if (before === undefined) return undefined
      const gap = frame.shown - before.shown
      if (gap > 0) pace = gap
      const turn = Math.min(before.shown, frame.shown) - origin
      decode = Math.max(turn, decode + 1, 0)
      return { shown: before.shown - origin, decode, lasts: gap > 0 ? gap : pace, key: before.key, data: before.data }
    },
  }
}
