import { SECOND } from '../lib/zone'
import type { Clock } from './clock'
import type { Moment, Playback } from './playback'
import type { PlaybackEntry } from './registry'

/** Several pictures on one clock. */
export interface Desk {
  add(id: string, playback: Playback): () => void
  seek(us: number): void
  want(run: boolean): void
  setRate(rate: number): void
  /** One frame on, or back, of this picture; all follow. True when there was one. */
  step(id: string, forward: boolean): Promise<boolean>
  /** One turn: leads every picture. Called with each frame of the screen. */
  turn(): void
  /** Where a gap was jumped over last. */
  onJump(told: (from: number, to: number) => void): void
  /** Where every picture is, for tests and benchmarks. */
  marks(): readonly PlaybackEntry[]
}

/** One picture that does not come holds the others no longer than this. */
const LONGEST_WAIT_MS = 4000
/** A gap shorter than this is waited through: a jump would be seen as more than it is. */
const WAITED = SECOND / 2

export function makeDesk(clock: Clock, now: () => number = () => performance.now()): Desk {
  const all = new Map<string, Playback>()
  let heldSince: number | undefined
  let jumped: (from: number, to: number) => void = () => undefined

  const moment = (): Moment => ({ at: clock.position(), rate: clock.rate(), running: clock.running() })

  function seek(us: number): void {
    clock.seek(us)
    heldSince = undefined
    const here = moment()
    for (const playback of all.values()) playback.jumpTo(here)
    wait()
  }

  /** Holds the clock while pictures are waited for. */
  function wait(): void {
    const states = [...all.values()].map((playback) => playback.state().kind)
    const loading = states.includes('loading')
    const nothing = states.length > 0 && states.every((kind) => kind === 'end' || kind === 'failed')
    if (!loading) heldSince = undefined
    else heldSince ??= now()
    clock.hold(nothing || (heldSince !== undefined && now() - heldSince < LONGEST_WAIT_MS))
  }

  /** Where every picture has a gap there is nothing to wait for. */
  function leap(): void {
    if (!clock.running()) return
    const holes = [...all.values()].map((playback) => playback.state()).filter((state) => state.kind !== 'end' && state.kind !== 'failed')
    const at = clock.position()
    const ends: number[] = []
    for (const state of holes) {
      if (state.kind !== 'gap') return
      const to = clock.rate() > 0 ? state.hole.to : state.hole.from - 1
      if (to !== undefined) ends.push(to)
    }
    if (ends.length === 0) return
    const to = clock.rate() > 0 ? Math.min(...ends) : Math.max(...ends)
    if (Math.abs(to - at) < WAITED) return
    seek(to)
    jumped(at, to)
  }

  return {
    add(id, playback) {
      all.set(id, playback)
      playback.jumpTo(moment())
      wait()
      return () => {
        if (all.get(id) === playback) all.delete(id)
      }
    },
    seek,
    want: (run) => {
      clock.want(run)
    },
    setRate: (rate) => {
      clock.setRate(rate)
    },
    async step(id, forward) {
      clock.want(false)
      if (clock.rate() !== 1) clock.setRate(1)
      const playback = all.get(id)
      const at = await playback?.frameBeside(clock.position(), forward)
      if (at === undefined) return false
      seek(at)
      return true
    },
    turn() {
      const here = moment()
      for (const playback of all.values()) playback.turn(here)
      wait()
      leap()
    },
    onJump: (told) => {
      jumped = told
    },
    marks: () => [...all].map(([id, playback]) => ({ id, state: playback.state().kind, ...playback.marks() })),
  }
}
