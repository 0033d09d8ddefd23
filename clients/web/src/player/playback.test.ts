import { beforeEach, describe, expect, it, vi } from 'vitest'
import { Problem } from '../api/problem'
import { SECOND } from '../lib/zone'
import { makeClock, type Clock } from './clock'
import { makeDesk, type Desk } from './desk'
import { makePlayback, type Foresight, type Playback, type PlaybackState } from './playback'
import { fakeGroups, fakeSink, type FakeGroups, type FakeSink } from './recorded/testing'

const AT = 1_800_000_000 * SECOND
let ms = 0

interface Stand {
  readonly clock: Clock
  readonly desk: Desk
  readonly jumps: [number, number][]
}

function stand(): Stand {
  const clock = makeClock(AT, () => ms)
  const desk = makeDesk(clock, () => ms)
  const jumps: [number, number][] = []
  desk.onJump((from, to) => jumps.push([from, to]))
  return { clock, desk, jumps }
}

interface Tile {
  readonly playback: Playback
  readonly groups: FakeGroups
  readonly sinks: FakeSink[]
  readonly sink: () => FakeSink
  readonly states: PlaybackState[]
}

function tile(desk: Desk, groups: FakeGroups, id = 'gate', prepare: (sink: FakeSink) => void = () => undefined, foresee?: (us: number) => Foresight): Tile {
  const sinks: FakeSink[] = []
  const states: PlaybackState[] = []
  const makeSink = () => {
    const made = fakeSink()
    prepare(made)
    sinks.push(made)
    return made
  }
  const playback = makePlayback({ groups, makeSink, sound: false, onState: (state) => states.push(state), now: () => ms, ...(foresee === undefined ? {} : { foresee }) })
  desk.add(id, playback)
  const sink = () => {
    const last = sinks.at(-1)
    if (last === undefined) throw new Error('there is no sink')
    return last
  }
  return { playback, groups, sinks, sink, states }
}

/** Lets time pass in turns of 40 ms; pictures that play go on with it. */
async function pass(desk: Desk, length: number, ...tiles: readonly Tile[]): Promise<void> {
  for (let left = length; left > 0; left -= 40) {
    ms += 40
    for (const { sink } of tiles) sink().at += 40_000 * sink().rate
    desk.turn()
    await vi.advanceTimersByTimeAsync(0)
  }
}

beforeEach(() => {
  ms = 0
  vi.useFakeTimers()
})

describe('a picture that follows the clock', () => {
  it('begins at the moment asked for and goes on through the groups', async () => {
    const { clock, desk } = stand()
    const one = tile(desk, fakeGroups({ from: AT - 3 * SECOND, to: AT + 60 * SECOND }))
    clock.want(true)
    await pass(desk, 200, one)
    expect(one.playback.state()).toEqual({ kind: 'showing' })
    expect(one.sink().done.slice(0, 4)).toEqual([`reset ${AT}`, `seek ${AT}`, 'begin video/mp4; codecs="avc3.42c01f"', 'append'])
    expect(one.groups.asked.slice(0, 3)).toEqual([`${AT}`, `init ${AT}`, `${AT + SECOND}`])
    await pass(desk, 5000, one)
    expect(Math.abs(clock.position() - one.playback.marks().shown)).toBeLessThan(80_000)
    expect(clock.position()).toBeGreaterThan(AT + 4.5 * SECOND)
  })

  it('holds no more than what is near', async () => {
    const { clock, desk } = stand()
    const one = tile(desk, fakeGroups({ from: AT, to: AT + 600 * SECOND }))
    clock.want(true)
    await pass(desk, 40_000, one)
    expect(one.playback.marks().held_s).toBeLessThan(20)
    expect(one.sink().done.filter((act) => act.startsWith('remove')).length).toBeGreaterThan(10)
    // Each group once, and none far ahead.
    expect(new Set(one.groups.asked).size).toBe(one.groups.asked.length)
    expect(one.playback.marks().groups).toBeLessThan(50)
  })

  it('plays slower or faster until it is in step, and jumps where it is far off', async () => {
    const { clock, desk } = stand()
    const one = tile(desk, fakeGroups({ from: AT, to: AT + 60 * SECOND }))
    clock.want(true)
    await pass(desk, 400, one)
    one.sink().at += 100_000
    await pass(desk, 40, one)
    expect(one.sink().rate).toBeLessThan(1)
    await pass(desk, 1600, one)
    expect(Math.abs(clock.position() - one.sink().at)).toBeLessThanOrEqual(40_000)
    one.sink().at += 2 * SECOND
    await pass(desk, 80, one)
    expect(Math.abs(clock.position() - one.sink().at)).toBeLessThanOrEqual(80_000)
  })

  it('uses what it has for a near jump, and starts anew for a far one', async () => {
    const { clock, desk } = stand()
    const one = tile(desk, fakeGroups({ from: AT, to: AT + 3600 * SECOND }))
    clock.want(true)
    await pass(desk, 3000, one)
    const resets = () => one.sink().done.filter((act) => act.startsWith('reset')).length
    const before = resets()
    desk.seek(AT + SECOND)
    await pass(desk, 80, one)
    expect(resets()).toBe(before)
    desk.seek(AT + 1800 * SECOND)
    expect(one.playback.state().kind).toBe('loading')
    await pass(desk, 80, one)
    expect(resets()).toBe(before + 1)
    expect(one.playback.state().kind).toBe('showing')
    expect(one.playback.marks().jump).toBeLessThan(500)
    expect(one.sink().done).toContain(`seek ${AT + 1800 * SECOND}`)
  })

  it('shows what stands still, each moment once', async () => {
    const { desk } = stand()
    const one = tile(desk, fakeGroups({ from: AT, to: AT + 60 * SECOND }))
    await pass(desk, 400, one)
    desk.seek(AT + 700_000)
    await pass(desk, 400, one)
    expect(one.sink().done.filter((act) => act === `seek ${AT + 700_000}`)).toHaveLength(1)
    expect(one.sink().rate).toBe(0)
  })
})

describe('a gap', () => {
  const spans = [
    { from: AT, to: AT + 3 * SECOND, reason: 'network' },
    { from: AT + 60 * SECOND, to: AT + 90 * SECOND },
  ]

  it('is told with its reason, and jumped over', async () => {
    const { clock, desk, jumps } = stand()
    const one = tile(desk, fakeGroups(...spans))
    clock.want(true)
    await pass(desk, 4200, one)
    expect(one.states).toContainEqual({ kind: 'gap', hole: { from: AT + 3 * SECOND, to: AT + 60 * SECOND, reason: 'network' } })
    expect(jumps).toHaveLength(1)
    expect(jumps[0]?.[1]).toBe(AT + 60 * SECOND)
    await pass(desk, 400, one)
    expect(one.playback.state().kind).toBe('showing')
    expect(clock.position()).toBeGreaterThan(AT + 60 * SECOND)
  })

  it('of one camera is waited through while another one plays', async () => {
    const { clock, desk, jumps } = stand()
    const one = tile(desk, fakeGroups(...spans))
    const other = tile(desk, fakeGroups({ from: AT, to: AT + 90 * SECOND }), 'yard')
    clock.want(true)
    await pass(desk, 8000, one, other)
    expect(jumps).toEqual([])
    expect(one.playback.state().kind).toBe('gap')
    expect(other.playback.state().kind).toBe('showing')
    expect(clock.position()).toBeGreaterThan(AT + 7 * SECOND)
  })

  it('that one jumps into is a gap up to what comes', async () => {
    const { desk } = stand()
    const one = tile(desk, fakeGroups(...spans))
    desk.seek(AT + 20 * SECOND)
    await pass(desk, 400, one)
    expect(one.playback.state()).toEqual({ kind: 'gap', hole: { from: AT + 20 * SECOND, to: AT + 60 * SECOND, reason: undefined } })
  })

  it('is crossed backwards as well', async () => {
    const { clock, desk, jumps } = stand()
    const one = tile(desk, fakeGroups(...spans))
    desk.seek(AT + 64 * SECOND)
    desk.setRate(-2)
    clock.want(true)
    await pass(desk, 4000, one)
    expect(jumps).toHaveLength(1)
    expect(clock.position()).toBeLessThan(AT + 3 * SECOND)
    await pass(desk, 2000, one)
    expect(one.playback.state()).toEqual({ kind: 'end' })
    expect(clock.running()).toBe(false)
    expect(clock.position()).toBeGreaterThan(AT - SECOND)
    // Forward again there is something to see.
    desk.setRate(1)
    await pass(desk, 1000, one)
    expect(one.playback.state()).toEqual({ kind: 'showing' })
  })

  it('before all recordings is jumped over', async () => {
    const { clock, desk } = stand()
    const one = tile(desk, fakeGroups(...spans))
    desk.seek(AT - 3600 * SECOND)
    clock.want(true)
    await pass(desk, 400, one)
    expect(one.playback.state()).toEqual({ kind: 'showing' })
    expect(clock.position()).toBeGreaterThanOrEqual(AT)
  })
})

describe('the end', () => {
  it('is waited at, for what is being recorded goes on', async () => {
    const { clock, desk } = stand()
    const one = tile(desk, fakeGroups({ from: AT, to: AT + 2 * SECOND }))
    clock.want(true)
    await pass(desk, 5000, one)
    expect(one.playback.state()).toEqual({ kind: 'end' })
    expect(clock.running()).toBe(false)
    expect(clock.position()).toBeLessThan(AT + 2.2 * SECOND)
    one.groups.spans = [{ from: AT, to: AT + 10 * SECOND }]
    await pass(desk, 2500, one)
    expect(one.playback.state().kind).toBe('showing')
    expect(clock.running()).toBe(true)
  })
})

describe('what is known beforehand', () => {
  /** Asks that the server would refuse, for which a browser writes an error into its console. */
  const inVain = (one: Tile) => one.groups.asked.filter((ask) => Number(ask.split(' ')[0]) >= Math.max(...one.groups.spans.map(({ to }) => to)))

  it('spares asking where nothing was recorded', async () => {
    const { desk } = stand()
    const one = tile(desk, fakeGroups(), 'gate', undefined, () => 'nothing')
    await pass(desk, 3000, one)
    expect(one.groups.asked).toEqual([])
    expect(one.playback.state()).toEqual({ kind: 'end' })
    expect(await desk.step('gate', true)).toBe(false)
  })

  it('is waited for while it is being found out', async () => {
    const { desk } = stand()
    let says: Foresight = 'wait'
    const one = tile(desk, fakeGroups({ from: AT, to: AT + 9 * SECOND }), 'gate', undefined, () => says)
    await pass(desk, 400, one)
    expect(one.groups.asked).toEqual([])
    expect(one.playback.state()).toEqual({ kind: 'loading' })
    says = 'ask'
    await pass(desk, 200, one)
    expect(one.playback.state()).toEqual({ kind: 'showing' })
  })

  it('lets what is known to be there tell whether more came', async () => {
    const { desk } = stand()
    const end = AT - 5 * SECOND
    const one = tile(desk, fakeGroups({ from: AT - 60 * SECOND, to: end }), 'gate', undefined, () => end)
    await pass(desk, 2500, one)
    expect(one.playback.state()).toEqual({ kind: 'end' })
    expect(one.groups.asked.length).toBeGreaterThan(1)
    expect(one.groups.asked.every((ask) => ask === `${end - 1} keys=1`)).toBe(true)
    one.groups.spans = [{ from: AT - 60 * SECOND, to: AT + 9 * SECOND }]
    await pass(desk, 1500, one)
    expect(one.playback.state()).toEqual({ kind: 'showing' })
  })

  it('is not asked in vain at the end of what is being recorded, nor often', async () => {
    const { clock, desk } = stand()
    const one = tile(desk, fakeGroups({ from: AT, to: AT + 2 * SECOND }))
    clock.want(true)
    await pass(desk, 6000, one)
    expect(one.playback.state()).toEqual({ kind: 'end' })
    expect(inVain(one)).toEqual([])
    const before = one.groups.asked.length
    // The last group grows with each frame.
    for (let grown = 1; grown <= 25; grown += 1) {
      one.groups.spans = [{ from: AT, to: AT + 2 * SECOND + grown * 40_000 }]
      await pass(desk, 40, one)
    }
    expect(one.groups.asked.length - before).toBeLessThan(12)
  })

  it('tells of a server that refuses to say', async () => {
    const { desk } = stand()
    const groups = fakeGroups({ from: AT - 60 * SECOND, to: AT - SECOND })
    groups.refuse = new Problem(503, { code: 'unavailable', values: {} })
    const one = tile(desk, groups, 'gate', undefined, () => AT - SECOND)
    await pass(desk, 400, one)
    expect(one.playback.state()).toMatchObject({ kind: 'failed' })
    // Retention took it meanwhile.
    groups.refuse = new Problem(404, { code: 'no_recording', values: {} })
    await pass(desk, 12_000, one)
    expect(one.playback.state()).toEqual({ kind: 'end' })
  })
})

describe('speeds', () => {
  it.each([8, 16])('%d times by key frames alone', async (rate) => {
    const { clock, desk } = stand()
    const one = tile(desk, fakeGroups({ from: AT, to: AT + 600 * SECOND }))
    desk.setRate(rate)
    clock.want(true)
    await pass(desk, 4000, one)
    // The first group was asked for before the speed was chosen.
    expect(one.groups.asked.filter((ask) => !ask.startsWith('init')).slice(1).every((ask) => ask.includes('keys='))).toBe(true)
    const sought = one.sink().done.filter((act) => act.startsWith('seek')).map((act) => Number(act.slice(5)))
    const shown = sought.filter((us) => us % SECOND === 1000)
    expect(shown.length).toBeGreaterThan(rate * 3)
    // Always forward, a key frame each time.
    expect(shown.every((us, index) => index === 0 || us > (shown[index - 1] ?? 0))).toBe(true)
    expect(clock.position() - one.sink().at).toBeLessThan(1.2 * SECOND)
    expect(one.sink().rate).toBe(0)
  })

  it.each([-1, -16])('%d: backwards, down to the first recording', async (rate) => {
    const { clock, desk } = stand()
    const one = tile(desk, fakeGroups({ from: AT - 20 * SECOND, to: AT + 20 * SECOND }))
    desk.setRate(rate)
    clock.want(true)
    await pass(desk, 1200, one)
    expect(one.playback.state().kind).toBe('showing')
    const shown = one.sink().done.filter((act) => act.startsWith('seek')).map((act) => Number(act.slice(5)))
    expect(shown.slice(1).every((us, index) => us <= (shown[index] ?? 0) + SECOND)).toBe(true)
    expect(one.sink().at).toBeLessThan(AT + SECOND)
    expect(one.sink().at - clock.position()).toBeLessThan(SECOND)
  })

  it('comes back to whole video', async () => {
    const { clock, desk } = stand()
    const one = tile(desk, fakeGroups({ from: AT, to: AT + 600 * SECOND }))
    desk.setRate(8)
    clock.want(true)
    await pass(desk, 1000, one)
    desk.setRate(1)
    await pass(desk, 400, one)
    expect(one.groups.asked.at(-1)).not.toContain('keys')
    expect(one.sink().rate).toBeGreaterThan(0)
  })
})

describe('a step', () => {
  const of = (us: number) => us + 1000

  it('goes from frame to frame and over the edges of groups, both ways', async () => {
    const { clock, desk } = stand()
    const one = tile(desk, fakeGroups({ from: AT - 3 * SECOND, to: AT + 3 * SECOND }))
    await pass(desk, 200, one)
    expect(await desk.step('gate', true)).toBe(true)
    expect(clock.position()).toBe(of(AT + 100_000))
    await desk.step('gate', false)
    expect(clock.position()).toBe(of(AT))
    await desk.step('gate', false)
    expect(clock.position()).toBe(of(AT - 100_000))
    await pass(desk, 80, one)
    expect(one.sink().at).toBe(of(AT - 100_000))
    expect(clock.wanted()).toBe(false)
  })

  it('ends where the recording does', async () => {
    const { clock, desk } = stand()
    tile(desk, fakeGroups({ from: AT, to: AT + SECOND }))
    desk.seek(AT + 950_000)
    await pass(desk, 80)
    expect(await desk.step('gate', true)).toBe(false)
    expect(clock.position()).toBe(AT + 950_000)
  })
})

describe('what goes wrong', () => {
  it('is told, tried again, and holds the others for a moment only', async () => {
    const { clock, desk } = stand()
    const groups = fakeGroups({ from: AT, to: AT + 60 * SECOND })
    groups.refuse = new Problem(403, { code: 'permission_missing', values: {} })
    const one = tile(desk, groups)
    const other = tile(desk, fakeGroups({ from: AT, to: AT + 60 * SECOND }), 'yard')
    clock.want(true)
    await pass(desk, 1000, one, other)
    expect(one.playback.state()).toEqual({ kind: 'failed', reason: { code: 'permission_missing', values: {} } })
    expect(clock.position()).toBeGreaterThan(AT)
    groups.refuse = undefined
    await pass(desk, 12_000, one, other)
    expect(one.playback.state().kind).toBe('showing')
  })

  it('a codec that the browser does not know is named', async () => {
    const { desk } = stand()
    const one = tile(desk, fakeGroups({ from: AT, to: AT + 60 * SECOND }), 'gate', (sink) => (sink.codecs = /vp9/))
    await pass(desk, 200, one)
    expect(one.playback.state()).toEqual({ kind: 'failed', reason: { code: 'no_common_codec', values: { camera: 'avc3.42c01f' } } })
  })

  it('video that the browser refuses goes into a new player', async () => {
    const { desk } = stand()
    let first = true
    const one = tile(desk, fakeGroups({ from: AT, to: AT + 60 * SECOND }), 'gate', (sink) => {
      if (first) sink.fail = new Error('decode')
      first = false
    })
    await pass(desk, 120, one)
    expect(one.states).toContainEqual({ kind: 'failed', reason: { code: 'play_failed', values: { detail: 'decode' } } })
    await pass(desk, 2000, one)
    expect(one.sinks).toHaveLength(2)
    expect(one.sinks[0]?.done.at(-1)).toBe('close')
    expect(one.playback.state().kind).toBe('showing')
  })

  it('ends with its owner', async () => {
    const { desk } = stand()
    const one = tile(desk, fakeGroups({ from: AT, to: AT + 60 * SECOND }))
    await pass(desk, 100, one)
    one.playback.close()
    const asked = one.groups.asked.length
    await pass(desk, 2000, one)
    expect(one.groups.asked).toHaveLength(asked)
  })
})
