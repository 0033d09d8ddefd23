import type { Timeline } from '../api/recording'
import { stretchAt } from '../lib/timeline'
import { DAY, MINUTE, SECOND } from '../lib/zone'

/** Asks for the timeline of one camera. */
export type Ask = (from_us: number, to_us: number, zoom_us: number) => Promise<Timeline | undefined>

/** The recorded moments next to one at which nothing was recorded. */
export interface Nearest {
  /** The end of the last recording before it. */
  readonly before: number | undefined
  /** The beginning of the next; the moment itself where it was recorded. */
  readonly after: number | undefined
}

/** What one goes to from one to the next. */
export type Goal = 'event' | 'bookmark' | 'gap'
export const GOALS: readonly Goal[] = ['event', 'bookmark', 'gap']

/** Looked for so far from the moment, and finer the nearer it is: most are found in the first. */
const REACHES = [
  { reach: DAY, zoom: 0 },
  { reach: 31 * DAY, zoom: SECOND },
  { reach: 366 * DAY, zoom: MINUTE },
] as const

/** What was just gone to, or played past, is not gone back to. */
const PASSED = SECOND

export async function findNearest(ask: Ask, us: number, now: number): Promise<Nearest> {
  const [before, after] = await Promise.all([
    look((line) => endBefore(line, us), ask, us, false, now),
    look((line) => startAfter(line, us), ask, us, true, now),
  ])
  return { before, after }
}

function endBefore(line: Timeline, us: number): number | undefined {
  const last = line.spans.findLast((span) => span.from_us < us)
  return last === undefined ? undefined : Math.min(last.to_us, us)
}

function startAfter(line: Timeline, us: number): number | undefined {
  if (stretchAt(line.spans, us) !== undefined) return us
  return line.spans.find((span) => span.from_us >= us)?.from_us
}

/** The moment of the next such thing, or of the one before. */
export function findGoal(ask: Ask, goal: Goal, us: number, forward: boolean, now: number): Promise<number | undefined> {
  return look((line) => goalIn(line, goal, us, forward), ask, us, forward, now)
}

export function goalIn(line: Timeline, goal: Goal, us: number, forward: boolean): number | undefined {
  const all = momentsOf(line, goal)
  return forward ? all.find((at) => at > us) : all.findLast((at) => at < us - PASSED)
}

/** When such things begin, in order. */
function momentsOf(line: Timeline, goal: Goal): readonly number[] {
  switch (goal) {
    case 'gap':
      return line.gaps.map((gap) => gap.from_us)
    case 'bookmark':
      return line.marks.filter((mark) => mark.kind === 'bookmark').map((mark) => mark.at_us)
    case 'event':
      return line.marks.filter((mark) => mark.kind === 'trigger' || mark.kind === 'alarm').map((mark) => mark.at_us)
  }
}

async function look<T>(find: (line: Timeline) => T | undefined, ask: Ask, us: number, forward: boolean, now: number): Promise<T | undefined> {
  for (const { reach, zoom } of REACHES) {
    const from = forward ? us : Math.max(0, us - reach)
    const to = forward ? Math.min(us + reach, now) : us
    if (from >= to) return undefined
    const line = await ask(from, to, zoom)
    const found = line === undefined ? undefined : find(line)
    if (found !== undefined) return found
  }
  return undefined
}
