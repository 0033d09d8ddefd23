import type { Frame } from '../lib/mp4'

/** A stretch that was fetched: its pictures, and what the server says of its neighbours. */
export interface Covered {
  readonly from: number
  readonly to: number
  readonly next: number | undefined
  readonly previous: number | undefined
  readonly gap: string | undefined
  readonly frames: readonly Frame[]
}

export interface Hole {
  readonly from: number
  /** Undefined where nothing is known to come after it. */
  readonly to: number | undefined
  /** The code of its reason, where it is known. */
  readonly reason: string | undefined
}

export type Look =
  | { readonly kind: 'have'; readonly covered: Covered }
  | { readonly kind: 'gap'; readonly hole: Hole }
  /** Nothing is recorded from here on, so far. */
  | { readonly kind: 'end' }
  /** Not fetched yet. */
  | { readonly kind: 'unknown' }

/** Where a hole begins that nothing is recorded before. */
export const BEGINNING = 0
/** Groups end where the next begins, or some microseconds beside it. */
const TOUCH = 1000

/** What was fetched of one stream and is still held, in order of time. */
export interface Cover {
  look(us: number): Look
  add(covered: Covered): void
  /** An answer began later than was asked for: nothing lies between. */
  addHole(hole: Hole): void
  /** Nothing was there at or after this moment. */
  endsAt(us: number | undefined): void
  /** The first moment from `us` on that is not known; undefined where the recording ends before. */
  frontier(us: number): number | undefined
  /** The earliest fetched stretch that joins the one at `us`, and what was fetched before it without joining. */
  earliest(us: number): { readonly first: Covered; readonly before: Covered | undefined } | undefined
  /** The last stretch that begins before a moment. */
  lastBefore(us: number): Covered | undefined
  /** Drops what lies wholly outside. */
  keep(from: number, to: number): void
  clear(): void
  readonly all: () => readonly Covered[]
}

export function makeCover(): Cover {
  let list: Covered[] = []
  let holes: Hole[] = []
  let end: number | undefined

  function look(us: number): Look {
    const index = list.findLastIndex((one) => one.from <= us + TOUCH)
    const at = list[index]
    if (at !== undefined && us < at.to) return { kind: 'have', covered: at }
    if (at?.next !== undefined && us < at.next) {
      // Neighbours that touch leave nothing to tell of.
      if (at.next - at.to <= TOUCH) return lookNext(at.next)
      return { kind: 'gap', hole: { from: at.to, to: at.next, reason: at.gap } }
    }
    const hole = holes.find((one) => one.from <= us && us < (one.to ?? Infinity))
    if (hole !== undefined) return { kind: 'gap', hole }
    const after = list[index + 1]
    if (at === undefined && after !== undefined && after.previous === undefined) {
      return { kind: 'gap', hole: { from: BEGINNING, to: after.from, reason: undefined } }
    }
    if (end !== undefined && us >= end) return { kind: 'end' }
    return { kind: 'unknown' }
  }

  function lookNext(us: number): Look {
    const next = list.find((one) => Math.abs(one.from - us) <= TOUCH)
    return next === undefined ? { kind: 'unknown' } : { kind: 'have', covered: next }
  }

  return {
    look,
    all: () => list,
    add(covered) {
      // A group that was fetched while it was being written is there anew, and longer.
      list = list.filter((one) => one.to <= covered.from || one.from >= covered.to)
      const at = list.findIndex((one) => one.from > covered.from)
      list.splice(at === -1 ? list.length : at, 0, covered)
      if (end !== undefined && covered.to > end) end = undefined
    },
    addHole(hole) {
      holes = [...holes.filter((one) => one.to !== hole.to), hole]
    },
    endsAt: (us) => {
      end = us
    },
    frontier(us) {
      let at = us
      for (;;) {
        const found = look(at)
        switch (found.kind) {
          case 'have':
            at = Math.max(found.covered.to, at + 1)
            break
          case 'gap':
            if (found.hole.to === undefined) return undefined
            at = Math.max(found.hole.to, at + 1)
            break
          case 'end':
            return undefined
          case 'unknown':
            return at
        }
      }
    },
    earliest(us) {
      const found = look(us)
      let index = -1
      if (found.kind === 'have') index = list.indexOf(found.covered)
      if (found.kind === 'gap') index = list.findIndex((one) => one.from >= (found.hole.to ?? Infinity) - TOUCH)
      let at = list[index]
      while (at !== undefined) {
        const before = list[index - 1]
        if (before === undefined || (before.next ?? before.to) < at.from - TOUCH) return { first: at, before }
        at = before
        index -= 1
      }
      return undefined
    },
    lastBefore: (us) => list.findLast((one) => one.from < us),
    keep(from, to) {
      list = list.filter((one) => one.to >= from && one.from <= to)
      holes = holes.filter((one) => (one.to ?? Infinity) >= from && one.from <= to)
    },
    clear() {
      list = []
      holes = []
      end = undefined
    },
  }
}
