import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Problem } from '../api/problem'
import { makePlayer, type Player, type PlayerState } from './player'
import type { PlayerStats } from './stats'
import { FakePeer } from './testing'
import type { WhepOptions } from './whep'

interface Opened {
  readonly options: WhepOptions
  readonly peer: FakePeer
  closed: boolean
  readonly rests: boolean[]
  refuse(error: unknown): void
}

let sessions: Opened[]
let states: PlayerState[]
let stats: PlayerStats[]
let clock: number

function start(): Player {
  return makePlayer({
    url: '/whep',
    audio: false,
    onState: (state) => states.push(state),
    onStats: (value) => stats.push(value),
    backoff: { next: () => 1000, reset: () => undefined },
    now: () => clock,
    open: (options) => {
      const peer = new FakePeer()
      let refuse: (error: unknown) => void = () => undefined
      const opened = new Promise<void>((_, reject) => {
        refuse = reject
      })
      const session: Opened = { options, peer, closed: false, rests: [], refuse }
      sessions.push(session)
      return {
        peer: peer.real,
        opened,
        rest: (hidden) => session.rests.push(hidden),
        close: () => {
          session.closed = true
        },
      }
    },
  })
}

/** Lets time pass in steps of a second; `frames` is how many each step brings to the newest session. */
async function pass(seconds: number, frames = 0): Promise<void> {
  for (let step = 0; step < seconds; step += 1) {
    clock += 1000
    const session = sessions.at(-1)
    const before = session?.peer.report.video?.framesReceived
    if (frames > 0) session?.peer.frames((typeof before === 'number' ? before : 0) + frames, clock)
    await vi.advanceTimersByTimeAsync(1000)
  }
}

const phase = () => states.at(-1)?.phase
const reason = () => states.at(-1)?.reason?.code

beforeEach(() => {
  vi.useFakeTimers()
  sessions = []
  states = []
  stats = []
  clock = 0
})

afterEach(() => {
  vi.useRealTimers()
})

describe('makePlayer', () => {
  it('keeps its session while nobody can see the picture, and gives what comes after that its time', async () => {
    const player = start()
    player.want(true)
    player.shown(1)
    player.rest(true)
    player.rest(true)
    await pass(60)
    expect([sessions.length, phase(), sessions[0]?.rests]).toEqual([1, 'playing', [true]])
    player.rest(false)
    await pass(4)
    expect([sessions.length, phase(), sessions[0]?.rests]).toEqual([1, 'playing', [true, false]])
    await pass(3)
    expect(reason()).toBe('no_frames')
    player.rest(true)
    await pass(2)
    expect([sessions.length, sessions.at(-1)?.rests]).toEqual([2, [true]])
  })

  it('joins once wanted and plays from the first picture', () => {
    const player = start()
    player.want(false)
    expect(sessions).toHaveLength(0)
    clock = 120
    player.want(true)
    player.want(true)
    expect(sessions).toHaveLength(1)
    const media = {} as MediaStream
    sessions[0]?.options.onMedia(media)
    expect(states.at(-1)).toEqual({ phase: 'joining', media, moving: false, reason: null })
    player.shown(180)
    player.shown(220)
    expect(phase()).toBe('playing')
    expect(player.marks()).toEqual({ joined: 120, firstFrame: 180 })
  })

  it('goes on while frames come, and gives statistics of each second', async () => {
    const player = start()
    player.want(true)
    player.shown(10)
    await pass(20, 25)
    expect(sessions).toHaveLength(1)
    expect(stats.at(-1)?.fps).toBe(25)
    expect(states.at(-1)?.moving).toBe(true)
    expect((await player.stats())?.framesDecoded).toBe(500)
  })

  it('joins anew when frames stop', async () => {
    const player = start()
    player.want(true)
    player.shown(10)
    await pass(3, 25)
    await pass(6)
    expect(phase()).toBe('waiting')
    expect(reason()).toBe('no_frames')
    expect(sessions[0]?.closed).toBe(true)
    await pass(1)
    expect(sessions).toHaveLength(2)
    player.shown(99_999)
    expect(phase()).toBe('playing')
    expect(player.marks().firstFrame).toBe(10)
  })

  it('leaves a session alone while the camera has no video', async () => {
    const player = start()
    player.want(true)
    player.shown(10)
    await pass(2, 25)
    player.want(false)
    await pass(60)
    expect(sessions).toHaveLength(1)
    expect(states.at(-1)).toMatchObject({ phase: 'playing', moving: false })
  })

  it('gives a session its time from when its stream is open, however long that takes', async () => {
    const player = start()
    player.want(true)
    player.want(false)
    await pass(12)
    player.want(true)
    await pass(4)
    expect([sessions.length, phase()]).toEqual([1, 'joining'])
    await pass(2)
    expect(reason()).toBe('no_frames')
  })

  it('waits longer for the first picture once connected', async () => {
    const player = start()
    player.want(true)
    sessions[0]?.peer.become('connected')
    sessions[0]?.options.onConnection('connected')
    await pass(15)
    expect(sessions).toHaveLength(1)
    await pass(2)
    expect(sessions).toHaveLength(2)
  })

  it('joins anew when the connection fails', async () => {
    const player = start()
    player.want(true)
    sessions[0]?.options.onConnection('disconnected')
    expect(phase()).toBe('joining')
    sessions[0]?.options.onConnection('failed')
    expect(reason()).toBe('connection_lost')
    await pass(1)
    expect(sessions).toHaveLength(2)
  })

  it('tells why it was refused and tries again', async () => {
    const player = start()
    player.want(true)
    sessions[0]?.refuse(new Problem(503, { code: 'unavailable', values: {} }))
    await pass(0)
    await vi.advanceTimersByTimeAsync(0)
    expect(reason()).toBe('unavailable')
    await pass(1)
    expect(sessions).toHaveLength(2)
    expect(player.marks().joined).toBe(0)
  })

  it('asks seldom where only a change of the camera can help, but at once after one', async () => {
    const player = start()
    player.want(true)
    sessions[0]?.refuse(new Problem(406, { code: 'no_common_codec', values: { camera: 'H.265' } }))
    await pass(29)
    expect(sessions).toHaveLength(1)
    player.retryNow()
    expect(sessions).toHaveLength(2)
  })

  it('tells of a fault of the browser', async () => {
    const player = start()
    player.want(true)
    sessions[0]?.refuse(new Error('bad answer'))
    await vi.advanceTimersByTimeAsync(0)
    expect(states.at(-1)?.reason).toEqual({ code: 'play_failed', values: { detail: 'bad answer' } })
    await pass(1)
    sessions[1]?.refuse('odd')
    await vi.advanceTimersByTimeAsync(0)
    expect(states.at(-1)?.reason?.values).toEqual({ detail: 'odd' })
  })

  it('gives a session little time after the server came back', async () => {
    const player = start()
    player.want(true)
    player.shown(10)
    await pass(2, 25)
    player.doubt()
    await pass(1)
    expect(sessions).toHaveLength(1)
    await pass(2)
    expect(sessions).toHaveLength(2)
  })

  it('doubts no session that still plays, nor one that only begins', async () => {
    const player = start()
    player.doubt()
    player.want(true)
    player.doubt()
    await pass(3)
    expect(sessions).toHaveLength(1)
    player.shown(10)
    player.doubt()
    await pass(10, 25)
    expect(sessions).toHaveLength(1)
  })

  it('does not come back when nobody wants it any more', async () => {
    const player = start()
    player.want(true)
    sessions[0]?.options.onConnection('failed')
    player.want(false)
    await pass(1)
    expect(sessions).toHaveLength(1)
    expect(phase()).toBe('idle')
    player.want(true)
    expect(sessions).toHaveLength(2)
  })

  it('ends with close', async () => {
    const player = start()
    player.want(true)
    player.close()
    expect(sessions[0]?.closed).toBe(true)
    expect(await player.stats()).toBeUndefined()
    sessions[0]?.refuse(new Error('late'))
    player.shown(5)
    await pass(60)
    expect(sessions).toHaveLength(1)
    expect(player.marks().firstFrame).toBeNull()
  })
})
