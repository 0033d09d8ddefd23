import type { Authorize } from '../api/addresses'
import { Problem } from '../api/problem'
import type { Reason } from '../api/reason'
import { makeBackoff, type Backoff } from '../lib/backoff'
import type { Media } from './media'
import { compare, readCounters, type Counters, type PlayerStats } from './stats'
import { makeWhep, type WhepOptions, type WhepSession } from './whep'

export type Phase = 'idle' | 'joining' | 'playing' | 'waiting'

export interface PlayerState {
  readonly phase: Phase
  readonly media: Media | null
  /** Frames have come of late: what is shown is live, whatever else is said of the stream. */
  readonly moving: boolean
  /** Why there is no picture; null while all is well or not yet known. */
  readonly reason: Reason | null
}

/** Milliseconds since the navigation to the page began. */
export interface Marks {
  readonly joined: number | null
  readonly firstFrame: number | null
}

export interface PlayerOptions {
  readonly url: string
  readonly audio: boolean
  readonly authorize?: Authorize | undefined
  onState(state: PlayerState): void
  onStats?(stats: PlayerStats): void
  readonly open?: (options: WhepOptions) => WhepSession
  readonly backoff?: Backoff
  readonly now?: () => number
}

export interface Player {
  /** Whether there should be a picture now; false leaves a running session alone. */
  readonly want: (wanted: boolean) => void
  /** Whether nobody can see the picture: a running session is then kept, without pictures. */
  readonly rest: (hidden: boolean) => void
  /** The stream has changed: when waiting for another try, try at once. */
  readonly retryNow: () => void
  /** The server came back: a session from before is probably gone, so it gets little patience. */
  readonly doubt: () => void
  /** A picture was shown, at `time` milliseconds since the navigation began. */
  readonly shown: (time: number) => void
  readonly marks: () => Marks
  readonly stats: () => Promise<PlayerStats | undefined>
  /** `leaving`: the page itself is closing. */
  readonly close: (leaving?: boolean) => void
}

const SAMPLE_EVERY = 1000
/** A picture that has not changed for so long (ms) no longer counts as live by itself. */
const MOVING = 2500
/** Without a frame for so long (ms), a session that should have pictures is made anew. */
const PATIENCE = { joining: 5000, firstFrame: 15_000, frames: 5000, doubt: 1500 }
/** A refusal that only a change of the camera can lift is not asked again before. */
const REFUSED_DELAY = 30_000
const LASTING = new Set([403, 404, 406, 409, 415])
export const IDLE: PlayerState = { phase: 'idle', media: null, moving: false, reason: null }

/** Plays one stream and goes on doing so, whatever happens to camera, server or network. */
export function makePlayer(options: PlayerOptions): Player {
  const open = options.open ?? makeWhep
  const backoff = options.backoff ?? makeBackoff({ first: 500, most: 10_000 })
  const now = options.now ?? (() => performance.now())
  let state = IDLE
  let session: WhepSession | undefined
  let wanted = false
  let hidden = false
  let retry: ReturnType<typeof setTimeout> | undefined
  let sampler: ReturnType<typeof setInterval> | undefined
  let before: Counters | undefined
  let lastFrame = 0
  let patience = PATIENCE.joining
  let joined: number | null = null
  let firstFrame: number | null = null

  function set(change: Partial<PlayerState>): void {
    state = { ...state, ...change }
    options.onState(state)
  }

  function join(): void {
    leave()
    joined ??= now()
    lastFrame = now()
    patience = PATIENCE.joining
    set({ phase: 'joining' })
    const mine = open({
      url: options.url,
      audio: options.audio,
      ...(options.authorize === undefined ? {} : { authorize: options.authorize }),
      onEnd: (refusal) => {
        if (session === mine) refused(refusal)
      },
      onMedia: (media) => {
        set({ media })
      },
      onConnection: (connection) => {
        if (connection === 'failed' || connection === 'closed') fail({ code: 'connection_lost', values: {} })
        // Connected, the picture may still have to wait for the camera's next key frame.
        if (connection === 'connected' && state.phase === 'joining') patience = PATIENCE.firstFrame
      },
    })
    session = mine
    if (hidden) mine.rest?.(true)
    sampler = setInterval(() => void sample(), SAMPLE_EVERY)
    mine.opened.catch((error: unknown) => {
      if (session === mine) refused(error)
    })
  }

  function refused(error: unknown): void {
    if (!(error instanceof Problem)) {
      fail({ code: 'play_failed', values: { detail: error instanceof Error ? error.message : String(error) } })
      return
    }
    fail(error.reason, LASTING.has(error.status) ? REFUSED_DELAY : undefined)
  }

  function fail(reason: Reason, delay = backoff.next()): void {
    leave()
    set({ phase: 'waiting', media: null, moving: false, reason })
    retry = setTimeout(() => {
      if (wanted) join()
      else set(IDLE)
    }, delay)
  }

  function leave(leaving = false): void {
    clearTimeout(retry)
    clearInterval(sampler)
    retry = undefined
    before = undefined
    session?.close(leaving)
    session = undefined
  }

  async function counters(): Promise<Counters | undefined> {
    const mine = session
    if (mine === undefined) return undefined
    const report = await mine.peer.getStats()
    return session === mine ? readCounters(report) : undefined
  }

  function since(current: Counters): PlayerStats {
    return { ...compare(current, before), way: session?.way ?? 'webrtc', chosen: session?.chosen?.() }
  }

  async function sample(): Promise<void> {
    const current = await counters()
    if (current !== undefined) {
      if (current.framesReceived > (before?.framesReceived ?? 0)) {
        lastFrame = now()
        patience = PATIENCE.frames
      }
      options.onStats?.(since(current))
      before = current
    }
    const moving = state.phase === 'playing' && now() - lastFrame < MOVING
    if (moving !== state.moving) set({ moving })
    const overdue = !rests() && now() - lastFrame > patience
    if (session !== undefined && wanted && overdue) fail({ code: 'no_frames', values: {} })
  }

  /** Pictures are not to come. */
  function rests(): boolean {
    return hidden && session?.rest !== undefined
  }

  function rest(value: boolean): void {
    if (value === hidden) return
    hidden = value
    // What comes after a rest is given its time.
    lastFrame = now()
    session?.rest?.(value)
  }

  function want(value: boolean): void {
    // A session may have had to wait for its stream to open.
    if (value && !wanted && state.phase === 'joining') lastFrame = now()
    wanted = value
    if (wanted && state.phase === 'idle') join()
  }

  function retryNow(): void {
    backoff.reset()
    if (state.phase === 'waiting' && wanted) join()
  }

  function doubt(): void {
    retryNow()
    if (session === undefined || state.phase === 'joining') return
    lastFrame = now()
    patience = PATIENCE.doubt
  }

  function shown(time: number): void {
    if (session === undefined) return
    firstFrame ??= time
    lastFrame = now()
    patience = PATIENCE.frames
    if (state.phase === 'playing') return
    backoff.reset()
    set({ phase: 'playing', moving: true, reason: null })
  }

  async function stats(): Promise<PlayerStats | undefined> {
    const current = await counters()
    return current === undefined ? undefined : since(current)
  }

  function close(leaving = false): void {
    wanted = false
    leave(leaving)
    state = IDLE
  }

  return { want, rest, retryNow, doubt, shown, marks: () => ({ joined, firstFrame }), stats, close }
}
