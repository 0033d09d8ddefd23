import { cleanup } from '@solidjs/testing-library'
import axe from 'axe-core'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Export, Timeline } from '../api/recording'
import { SECOND } from '../lib/zone'
import type { Moment, Playback as Player, PlaybackOptions, PlaybackState } from '../player/playback'
import { control, fakeServer, page, press, refusal, show, somebody, submit, type, type FakeServer } from '../ui/testing'
import { placeOf, playbackAddress } from './address'
import { Playback } from './Playback'

const AT = Date.parse('2026-11-20T12:00:00Z') * 1000
const FUNCTIONS = ['playback.view', 'clip.export', 'camera.read', 'camera.manage', 'recording.hold']
const timeline: Timeline = {
  camera: 'c1',
  stream: 'main',
  from_us: AT - 3600 * SECOND,
  to_us: AT + 3600 * SECOND,
  spans: [{ from_us: AT - 3600 * SECOND, to_us: AT + 60 * SECOND, keys: 100, bytes: 1, error_us: 0, camera_offset_ms: 0, rebuilt: false, held: false }],
  gaps: [{ from_us: AT + 60 * SECOND, to_us: AT + 600 * SECOND, reason: { code: 'disk_full', values: {} } }],
  marks: [],
  days: ['2026-11-20'],
  time_zone: 'America/Sao_Paulo',
}
const exported: Export = {
  id: 'e1', city: 'sp', kind: 'export', name: '', why: 'Theft', parts: [], timelapse: null, container: 'mp4', audio: true, case: null, reason: null, by: 'u1', locked: false, state: 'processing', done_bytes: 1, total_bytes: 4,
  error: null, gaps: [], file: null, bytes: null, sha256: null, created_us: AT, expires_us: null, version: 2,
}

interface FakePlayer {
  readonly options: PlaybackOptions
  readonly moments: Moment[]
  closed: boolean
  tell(state: PlaybackState): void
}

let server: FakeServer
let players: FakePlayer[]
let turn: () => void

function make(options: PlaybackOptions): Player {
  let state: PlaybackState = { kind: 'showing' }
  const fake: FakePlayer = {
    options,
    moments: [],
    closed: false,
    tell(next) {
      state = next
      options.onState(next)
    },
  }
  players.push(fake)
  return {
    turn: (moment) => fake.moments.push(moment),
    jumpTo: (moment) => fake.moments.push(moment),
    state: () => state,
    frameBeside: (us, forward) => Promise.resolve(us + (forward ? 40_000 : -40_000)),
    marks: () => ({ shown: 0, groups: 0, bytes: 0, jump: 0, held_s: 0 }),
    close: () => (fake.closed = true),
  }
}

const turns = (next: () => void) => {
  turn = next
  return () => undefined
}

function open(query = `?cameras=c1,c2&at=${new Date(AT / 1000).toISOString()}`, functions: readonly string[] = FUNCTIONS) {
  const me = somebody({ home: 'sp', allowed: [{ scope: 'city:sp', functions }] })
  return show(() => <Playback make={make} turns={turns} />, { server, address: `/playback${query}`, state: { kind: 'in', me } })
}

const text = (container: HTMLElement, wanted: string) =>
  vi.waitFor(() => {
    expect(container.textContent).toContain(wanted)
  })
/** Names, times of the city and rules are there. */
const loaded = async (container: HTMLElement) => {
  await text(container, 'Yard')
  await text(container, '11/20/26, 9:00:00')
}
const labelled = (container: HTMLElement, label: string) => {
  const found = container.querySelector<HTMLElement>(`[aria-label="${label}"]`)
  if (found === null) throw new Error(`nothing is labelled ${label}`)
  return found
}
const key = (name: string, target: EventTarget = document.body) => target.dispatchEvent(new KeyboardEvent('keydown', { key: name, bubbles: true, cancelable: true }))
const last = () => players.at(-1)?.moments.at(-1)

beforeEach(() => {
  vi.stubGlobal('scrollTo', () => undefined)
  HTMLDialogElement.prototype.showModal = vi.fn(function (this: HTMLDialogElement) {
    this.open = true
  })
  vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockReturnValue(null)
  players = []
  server = fakeServer({
    'GET /cameras': page({ id: 'c1', name: 'Gate', city: 'sp', groups: [] }, { id: 'c2', name: 'Yard', city: 'sp', groups: [] }),
    'GET /timelines': { items: [timeline, { ...timeline, camera: 'c2' }] },
    'GET /cameras/c1/recording': { camera: 'c1', rule: {}, manual: null, now: { main: 'continuous' }, version: 1 },
    'GET /exports': page(exported, { ...exported, id: 'e2', state: 'completed', name: 'Night', bytes: 81e6, file: 'night.mp4' }),
    'GET /cases': page({ id: 'k1', title: 'Theft', number: '12', state: 'open' }),
  })
})

afterEach(() => {
  cleanup()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

describe('the playback screen', () => {
  it('plays the cameras of its address from its moment, each by its small picture', async () => {
    const { container } = open()
    await text(container, 'Gate')
    expect(players).toHaveLength(2)
    expect(players[0]?.moments[0]).toMatchObject({ at: AT, rate: 1, running: false })
    expect(players.every((player) => !player.options.sound)).toBe(true)
    await text(container, '11/20/26, 9:00:00')
  })

  it('is nothing for who may not watch recordings', () => {
    const { container } = open('?cameras=c1', ['live.view'])
    expect(container.textContent).toContain('You may not watch recordings.')
    expect(players).toEqual([])
  })

  it('offers what one may do', async () => {
    const { container } = open(undefined, ['playback.view'])
    await text(container, 'Range')
    for (const missing of ['Export…', 'Exports', 'Snapshot', 'Keep this…', 'Picture to a case…', 'Stop recording']) expect(container.textContent).not.toContain(missing)
  })

  it('is led by its buttons and keys', async () => {
    const { container, app } = open()
    await text(container, 'Gate')
    labelled(container, 'Play').click()
    turn()
    expect(last()?.running).toBe(true)
    labelled(container, 'Pause').click()
    turn()
    expect(last()?.running).toBe(false)
    labelled(container, 'Play backwards').click()
    turn()
    expect(last()?.rate).toBe(-1)
    key(' ')
    labelled(container, '10 seconds back').click()
    expect(last()?.at).toBeLessThan(AT - 9 * SECOND)
    const before = last()?.at ?? 0
    key('.')
    await vi.waitFor(() => {
      expect(last()?.at).toBe(before + 40_000)
    })
    key(',')
    await vi.waitFor(() => {
      expect(last()?.at).toBe(before)
    })
    const speed = labelled(container, 'Speed') as HTMLSelectElement
    speed.value = '8'
    speed.dispatchEvent(new Event('change', { bubbles: true }))
    turn()
    expect(Math.abs(last()?.rate ?? 0)).toBe(8)
    expect(app.router.address()).toContain('/playback?cameras=c1,c2&at=2026-11-20T11:59:')
  })

  it('is shuttled, stepped and skipped through by keys, and tells which there are', async () => {
    const { container } = open()
    await loaded(container)
    const rate = () => {
      turn()
      return last()?.running === true ? last()?.rate : 0
    }
    key('l')
    expect(rate()).toBe(1)
    key('l')
    expect(rate()).toBe(2)
    key('ArrowUp')
    expect(rate()).toBe(4)
    key('j')
    expect(rate()).toBe(-1)
    key('j')
    expect(rate()).toBe(-2)
    key('ArrowDown')
    expect(rate()).toBe(-1)
    key('k')
    expect(rate()).toBe(0)
    const before = last()?.at ?? 0
    key('ArrowLeft')
    expect(last()?.at).toBe(before - 10 * SECOND)
    document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', shiftKey: true, bubbles: true, cancelable: true }))
    expect(last()?.at).toBe(before + 50 * SECOND)
    key('m')
    expect(labelled(container, 'Sound off')).toBeDefined()
    // What a field or a button needs itself is left to it.
    key('l', labelled(container, 'Speed'))
    key(' ', labelled(container, 'Sound off'))
    expect(rate()).toBe(0)
    key('?')
    await text(container, 'Frame before, next frame')
    press(container, 'Close')
    expect(container.querySelector('dialog')).toBeNull()
  })

  it('shows 1, 4, 9 or 16 at once, page by page', async () => {
    const { container } = open()
    await loaded(container)
    const seen = () => [...container.querySelectorAll<HTMLElement>('[data-camera]')].map((one) => one.dataset.camera)
    labelled(container, '4 at once').click()
    expect(seen()).toEqual(['c1', 'c2'])
    expect(container.querySelectorAll('.place')).toHaveLength(2)
    key('1')
    expect(seen()).toEqual(['c1'])
    await text(container, '1 of 2')
    key('PageDown')
    expect(seen()).toEqual(['c2'])
    labelled(container, 'Cameras before').click()
    expect(seen()).toEqual(['c1'])
    // Back to what was before, and from there to all.
    key('Escape')
    expect(container.querySelectorAll('.place')).toHaveLength(2)
    labelled(container, '4 at once').click()
    expect(container.querySelectorAll('.place')).toHaveLength(0)
    key('Enter')
    expect(seen()).toEqual(['c1'])
    key('Enter')
    expect(seen()).toEqual(['c1', 'c2'])
    labelled(container, '9 at once').click()
    container.querySelector<HTMLElement>('.place')?.click()
    await text(container, '2 of at most 16 chosen')
  })

  it('looks closer by wheel, hand and keys, and then at the large picture', async () => {
    const { container } = open()
    await loaded(container)
    const tile = container.querySelector<HTMLElement>('[data-camera=c1]')
    const video = () => container.querySelector<HTMLElement>('[data-camera=c1] video')
    vi.spyOn(HTMLElement.prototype, 'getBoundingClientRect').mockReturnValue(new DOMRect(0, 0, 200, 100))
    tile?.dispatchEvent(Object.assign(new Event('wheel', { bubbles: true, cancelable: true }), { deltaY: -100, clientX: 200, clientY: 100 }))
    expect(video()?.style.transform).toContain('scale(1.25)')
    await text(container, '1.3×')
    expect(players.at(-1)?.options.groups).toBeDefined()
    expect(players).toHaveLength(3)
    const hand = (kind: string, clientX: number, pointerId = 1) => tile?.dispatchEvent(Object.assign(new Event(kind, { bubbles: true }), { pointerId, clientX, clientY: 50, pointerType: 'touch' }))
    const before = video()?.style.transform
    hand('pointerdown', 100)
    hand('pointermove', 120)
    expect(video()?.style.transform).not.toBe(before)
    hand('pointerdown', 160, 2)
    hand('pointermove', 200, 2)
    expect(video()?.style.transform).toContain('scale(2.5)')
    hand('pointerup', 200, 2)
    hand('pointerup', 120)
    key('+')
    expect(video()?.style.transform).toContain('scale(3.125)')
    key('-')
    press(container, 'Whole picture')
    expect(video()?.style.transform).toBe('')
    key('+')
    key('Escape')
    expect(video()?.style.transform).toBe('')
  })

  it('says where nothing is recorded, and offers what is nearest', async () => {
    const { container } = open()
    await loaded(container)
    players[0]?.tell({ kind: 'gap', hole: { from: AT + 60 * SECOND, to: AT + 600 * SECOND, reason: 'disk_full' } })
    labelled(container, '10 seconds on').click()
    server.answers['GET /timelines'] = { items: [{ ...timeline, spans: [{ ...timeline.spans[0], to_us: AT - 60 * SECOND }, { ...timeline.spans[0], from_us: AT + 600 * SECOND, to_us: AT + 900 * SECOND }] }] }
    for (let seconds = 10; seconds < 120; seconds += 10) labelled(container, '10 seconds on').click()
    await text(container, 'Nothing of Gate is recorded at 11/20/26, 9:02:00')
    await text(container, 'Recorded from 11/20/26, 9:10:00')
    press(container, [...container.querySelectorAll('.nearest button')].at(-1)?.textContent ?? '')
    expect(last()?.at).toBe(AT + 600 * SECOND)
  })

  it('goes from one gap or bookmark to the next, and says where there is none', async () => {
    const { container } = open()
    await loaded(container)
    key('g')
    await vi.waitFor(() => {
      expect(last()?.at).toBe(AT + 60 * SECOND)
    })
    server.answers['GET /timelines'] = { items: [{ ...timeline, marks: [{ at_us: AT - 500 * SECOND, to_us: null, kind: 'bookmark', id: 'b1', text: 'Van' }] }] }
    const goal = labelled(container, 'Go to the next').querySelector('select')
    if (goal === null) throw new Error('nothing to choose')
    goal.value = 'bookmark'
    goal.dispatchEvent(new Event('change', { bubbles: true }))
    labelled(container, 'Before: Bookmark').click()
    await vi.waitFor(() => {
      expect(last()?.at).toBe(AT - 500 * SECOND)
    })
    labelled(container, 'Next: Bookmark').click()
    await text(container, 'Bookmark: none after this moment')
    key('e')
    await text(container, 'Event: none after this moment')
  })

  it('saves the frame that is seen', async () => {
    server.answers['GET /cameras/c1/picture'] = () => new Response('jpeg', { headers: { 'Vms-At': String(AT) } })
    const saved: string[] = []
    vi.spyOn(URL, 'createObjectURL').mockReturnValue('blob:x')
    vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (this: HTMLAnchorElement) {
      saved.push(this.download)
    })
    const { container } = open()
    await loaded(container)
    players[0]?.tell({ kind: 'showing' })
    key('s')
    await text(container, 'Saved as Gate_2026-11-20T12-00-00-000Z.jpg')
    expect(saved).toEqual(['Gate_2026-11-20T12-00-00-000Z.jpg'])
    expect(server.last('GET /cameras/c1/picture')?.path).toContain(`at_us=${AT}&exact=true`)
    server.answers['GET /cameras/c1/picture'] = refusal(404, 'no_recording')
    press(container, 'Snapshot')
    await vi.waitFor(() => {
      expect(container.querySelector('.refusal')).not.toBeNull()
    })
  })

  it('says why there is no picture', async () => {
    const { container } = open()
    await text(container, 'Gate')
    await vi.waitFor(() => {
      expect(server.last('GET /timelines')).toBeDefined()
    })
    players[0]?.tell({ kind: 'gap', hole: { from: AT, to: AT + 90 * SECOND, reason: 'power_or_crash' } })
    await text(container, 'Power failed or the recorder stopped · 1m 30s')
    players[0]?.tell({ kind: 'gap', hole: { from: 0, to: AT, reason: undefined } })
    await text(container, 'Nothing recorded here')
    players[0]?.tell({ kind: 'failed', reason: { code: 'no_common_codec', values: { camera: 'hev1' } } })
    await text(container, 'The camera sends hev1; this browser cannot play it')
    players[0]?.tell({ kind: 'loading' })
    await text(container, 'Looking for the picture…')
  })

  it('says why recordings end, where that lasts', async () => {
    const [gap] = timeline.gaps
    if (gap === undefined) throw new Error('there is no gap')
    server.answers['GET /timelines'] = { items: [{ ...timeline, gaps: [{ ...gap, from_us: AT - 60 * SECOND, open: true }], spans: [] }] }
    const { container } = open()
    await loaded(container)
    players[0]?.tell({ kind: 'end' })
    await text(container, 'No more recordingsThe disk was full · until now')
  })

  it('shows the large picture where the small one was not recorded, and of one that is enlarged', async () => {
    const { container } = open()
    await loaded(container)
    players[0]?.tell({ kind: 'end' })
    await vi.waitFor(() => {
      expect(players).toHaveLength(3)
    })
    expect(players[0]?.closed).toBe(true)
    container.querySelector('[data-camera=c2]')?.dispatchEvent(new MouseEvent('dblclick', { bubbles: true }))
    await text(container, 'All cameras')
    expect(players.at(-1)?.options.sound).toBe(true)
    press(container, 'All cameras')
    await vi.waitFor(() => {
      expect(container.querySelectorAll('video')).toHaveLength(2)
    })
  })

  it('goes to a day that has recordings', async () => {
    const { container } = open()
    await loaded(container)
    press(container, 'Fri, Nov 20, 2026')
    const day = await vi.waitFor(() => labelled(container, 'Friday, November 20, 2026, has recordings'))
    labelled(container, 'Month before').click()
    labelled(container, 'Next month').click()
    expect(day.textContent).toBe('20')
    labelled(container, 'Friday, November 20, 2026, has recordings').click()
    // Midnight in the city.
    expect(last()?.at).toBe(Date.parse('2026-11-20T03:00:00Z') * 1000)
  })

  it('asks for cameras where the address names none', async () => {
    const { container } = open('')
    await text(container, '0 of at most 16 chosen')
    await vi.waitFor(() => {
      control(container, 'Gate').click()
    })
    await text(container, '1 of at most 16 chosen')
    press(container, 'Close')
    expect(players).toHaveLength(1)
    expect(players[0]?.options.sound).toBe(true)
  })

  it('has no faults that axe finds', async () => {
    const { container } = open()
    await loaded(container)
    press(container, 'Export…')
    await text(container, 'Password of the file')
    const { violations } = await axe.run(container, { rules: { 'color-contrast': { enabled: false } } })
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join()}`)).toEqual([])
  })
})

function choose(container: HTMLElement, label: string, value: string): void {
  const select = control(container, label) as unknown as HTMLSelectElement
  select.value = value
  select.dispatchEvent(new Event('change', { bubbles: true }))
}

describe('what is taken away', () => {
  it('is exported with a reason, and followed', async () => {
    server.answers['POST /exports'] = exported
    server.answers['POST /exports/e1/cancel'] = { ...exported, state: 'cancelled' }
    server.answers['GET /exports/e2'] = { ...exported, id: 'e2', file: 'night.mp4' }
    const { container } = open()
    await loaded(container)
    press(container, 'Export…')
    const start = container.querySelector<HTMLButtonElement>('dialog button[type=submit]')
    expect(start?.disabled).toBe(true)
    type(container, 'Reason', 'Theft')
    type(container, 'Password of the file', 'short')
    expect(start?.disabled).toBe(true)
    type(container, 'Password of the file', 'long enough')
    type(container, 'To', '2026-11-20T08:00:00')
    await text(container, 'The end comes before the beginning')
    type(container, 'To', '2026-11-20T09:02:00')
    control(container, 'Yard').click()
    submit(container)
    await text(container, 'The export has begun.')
    expect(server.last('POST /exports')?.body).toEqual({
      parts: [{ camera: 'c1', from_us: AT, to_us: AT + 120 * SECOND, streams: ['main'] }],
      why: 'Theft',
      container: 'mp4',
      audio: true,
      password: 'long enough',
    })
    await text(container, 'In progress · 25 %')
    press(container, 'Cancel')
    const clicked: string[] = []
    vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (this: HTMLAnchorElement) {
      clicked.push(this.href)
    })
    press(container, 'Download')
    await vi.waitFor(() => {
      expect(server.last('POST /exports/e1/cancel')).toBeDefined()
      // By one's own session: no link that others could follow is made for it.
      expect(clicked).toEqual([expect.stringContaining('/api/v1/exports/e2/file')])
    })
  })

  it('is a clip of one camera', async () => {
    server.answers['POST /clips'] = exported
    const { container } = open('?cameras=c1')
    await text(container, 'Gate')
    press(container, 'Export…')
    choose(container, 'What', 'clip')
    type(container, 'Name', 'Night')
    submit(container)
    await vi.waitFor(() => {
      expect(server.last('POST /clips')?.body).toMatchObject({ camera: 'c1', name: 'Night', reason: 'evidence' })
    })
  })

  it('is a time-lapse at a pace, of which it is told what comes out', async () => {
    server.answers['POST /exports'] = exported
    const { container } = open()
    await loaded(container)
    press(container, 'Export…')
    type(container, 'From', '2026-11-19T09:00:00')
    type(container, 'To', '2026-11-20T09:00:00')
    type(container, 'Reason', 'The site')
    choose(container, 'What', 'timelapse')
    expect(container.textContent).not.toContain('Container')
    expect(control(container, 'Plays for, in seconds').value).toBe('60')
    expect(container.textContent).toContain('about 1m of each camera (pictures: 1,500 at most)')
    expect(container.textContent).toContain('Key frames only, MP4 without sound')
    const start = container.querySelector<HTMLButtonElement>('dialog button[type=submit]')
    type(container, 'Plays for, in seconds', '1201')
    expect(start?.disabled).toBe(true)
    expect(container.textContent).toContain('A whole number from 1 to 1,200')
    expect(container.textContent).not.toContain('Comes out')
    choose(container, 'Pace', 'every_s')
    expect(control(container, 'Seconds between pictures').value).toBe('60')
    expect(container.textContent).toContain('about 58s of each camera (pictures: 1,440 at most)')
    expect(start?.disabled).toBe(false)
    type(container, 'Seconds between pictures', '30')
    expect(container.textContent).toContain('about 1m 56s of each camera (pictures: 2,880 at most)')
    submit(container)
    await text(container, 'The export has begun.')
    const part = { from_us: AT - 86_400 * SECOND, to_us: AT, streams: ['main'] }
    expect(server.last('POST /exports')?.body).toEqual({
      parts: ['c1', 'c2'].map((camera) => ({ camera, ...part })),
      why: 'The site',
      container: 'mp4',
      audio: false,
      password: null,
      timelapse: { every_s: 30 },
    })
  })

  it('is kept for a new case, which is opened once', async () => {
    server.answers['POST /cases'] = { id: 'k2', title: 'Fire', number: '', state: 'open' }
    server.answers['POST /holds'] = refusal(503, 'unavailable')
    const { container } = open()
    await loaded(container)
    press(container, 'Keep this…')
    await text(container, '12 · Theft')
    choose(container, 'Case', 'new')
    type(container, 'Title of the case', 'Fire')
    type(container, 'Reason', 'Asked by the court')
    submit(container)
    await text(container, 'The server cannot serve video at the moment')
    server.answers['POST /holds'] = { id: 'h1' }
    submit(container)
    await text(container, 'It is kept.')
    const asked = server.asked.filter((one) => one.method === 'POST').map((one) => one.path)
    expect(asked.filter((path) => path === '/cases')).toHaveLength(1)
    expect(server.last('POST /holds')?.body).toMatchObject({ camera: 'c2', case: 'k2', why: 'Asked by the court' })
  })

  it('is a picture that an open case keeps, and the moment of its frame is told', async () => {
    server.answers['GET /cases'] = page({ id: 'k1', title: 'Theft', number: '12', state: 'open' }, { id: 'k2', title: 'Old', number: '3', state: 'closed' })
    server.answers['POST /cases/k1/stills'] = refusal(409, 'case_stills_full', { most: 500 })
    const { container } = open()
    await loaded(container)
    const button = [...container.querySelectorAll('button')].find((one) => one.textContent === 'Picture to a case…')
    expect(button?.disabled).toBe(true)
    players[0]?.tell({ kind: 'showing' })
    expect(button?.disabled).toBe(false)
    button?.click()
    await text(container, '12 · Theft')
    expect(container.textContent).not.toContain('3 · Old')
    const send = container.querySelector<HTMLButtonElement>('dialog button[type=submit]')
    expect(send?.disabled).toBe(true)
    choose(container, 'Case', 'k1')
    expect(send?.disabled).toBe(false)
    type(container, 'What is to be seen', ' White van ')
    submit(container)
    await text(container, 'The case has 500 stills already')
    server.answers['POST /cases/k1/stills'] = { id: 's1', at_us: AT + 2 * SECOND }
    submit(container)
    await text(container, 'The picture of 11/20/26, 9:00:02')
    expect(container.querySelector('dialog')).toBeNull()
    expect(server.last('POST /cases/k1/stills')?.body).toEqual({ camera: 'c1', at_us: AT, stream: 'main', text: 'White van' })
  })

  it('is the small picture where the large one was not recorded', async () => {
    const [gap] = timeline.gaps
    server.answers['GET /timelines'] = { items: [{ ...timeline, spans: [], gaps: [{ ...gap, from_us: AT - 60 * SECOND, to_us: AT + 60 * SECOND }] }] }
    server.answers['POST /cases/k1/stills'] = { id: 's1', at_us: AT }
    const { container } = open()
    await loaded(container)
    players[0]?.tell({ kind: 'showing' })
    press(container, 'Picture to a case…')
    await text(container, '12 · Theft')
    choose(container, 'Case', 'k1')
    submit(container)
    await text(container, 'is kept in the case')
    expect(server.last('POST /cases/k1/stills')?.body).toMatchObject({ stream: 'sub', text: '' })
  })

  it('is no picture of a case where none is open, or for who may not both hold and watch', async () => {
    server.answers['GET /cases'] = page({ id: 'k2', title: 'Old', number: '3', state: 'closed' })
    const { container } = open()
    await loaded(container)
    players[0]?.tell({ kind: 'showing' })
    press(container, 'Picture to a case…')
    await text(container, 'No case is open.')
    expect(container.querySelector('dialog a')?.getAttribute('href')).toBe('/cases')
    cleanup()
    // Holding one camera is not working on the city's cases; nor is watching another camera watching this one.
    for (const allowed of [
      [{ scope: 'city:sp', functions: ['playback.view'] }, { scope: 'camera:sp/c1', functions: ['recording.hold'] }],
      [{ scope: 'city:sp', functions: ['recording.hold'] }, { scope: 'camera:sp/c2', functions: ['playback.view'] }],
    ]) {
      const other = show(() => <Playback make={make} turns={turns} />, { server, address: '/playback?cameras=c1,c2', state: { kind: 'in', me: somebody({ home: 'sp', allowed }) } })
      await text(other.container, 'Keep this…')
      expect(other.container.textContent).not.toContain('Picture to a case…')
      cleanup()
    }
  })

  it('is marked', async () => {
    server.answers['POST /bookmarks'] = { id: 'b1' }
    const { container } = open()
    await text(container, 'Gate')
    press(container, 'Bookmark…')
    type(container, 'What is to be seen', 'White van')
    submit(container)
    await text(container, 'The moment is marked.')
    expect(server.last('POST /bookmarks')?.body).toEqual({ camera: 'c1', at_us: AT, text: 'White van' })
  })

  it('was marked before, and is found, changed and deleted', async () => {
    server.answers['GET /bookmarks'] = page({ id: 'b1', camera: 'c1', at_us: AT - 60 * SECOND, to_us: null, text: 'White van', by: 'u1', version: 3 })
    server.answers['PATCH /bookmarks/b1'] = { id: 'b1' }
    server.answers['DELETE /bookmarks/b1'] = null
    const { container } = open()
    await loaded(container)
    press(container, 'Bookmarks')
    await text(container, 'White van')
    type(container, 'Search', 'van')
    await vi.waitFor(() => {
      expect(server.last('GET /bookmarks')?.path).toContain('text=van')
    })
    container.querySelector<HTMLElement>('.moment')?.click()
    expect(last()?.at).toBe(AT - 60 * SECOND)
    press(container, 'Change')
    type(container, 'What is to be seen', 'Grey van')
    submit(container)
    await vi.waitFor(() => {
      expect(server.last('PATCH /bookmarks/b1')).toMatchObject({ body: { text: 'Grey van' } })
      expect(container.querySelector('dialog')).toBeNull()
    })
    press(container, 'Delete')
    await text(container, 'Delete the bookmark “White van”?')
    container.querySelector<HTMLButtonElement>('dialog .button.danger')?.click()
    await vi.waitFor(() => {
      expect(server.last('DELETE /bookmarks/b1')?.headers.get('If-Match')).toBe('"3"')
    })
  })

  it('is recorded by hand, or not', async () => {
    server.answers['POST /cameras/c1/recording/manual'] = { camera: 'c1', rule: {}, manual: { action: 'stop', until_us: null }, now: { main: 'off' }, version: 2 }
    const { container } = open()
    await text(container, 'Stop recording')
    press(container, 'Stop recording')
    await text(container, 'Back to the rules')
    expect(server.last('POST /cameras/c1/recording/manual')?.body).toEqual({ action: 'stop', until_us: null })
  })
})

describe('a file that is dropped', () => {
  it('leads to the page that verifies it', async () => {
    const { container } = open()
    await text(container, 'Gate')
    const drop = new Event('drop', { bubbles: true, cancelable: true })
    Object.defineProperty(drop, 'dataTransfer', { value: { files: [new File(['x'], 'evidence.mp4')], types: ['Files'] } })
    container.querySelector('main')?.dispatchEvent(drop)
    await text(container, 'evidence.mp4 is verified by a page that needs no server')
    expect(drop.defaultPrevented).toBe(true)
    expect(container.querySelector('dialog a')?.getAttribute('href')).toBe('/verify.html')
    press(container, 'Close')
    await vi.waitFor(() => {
      expect(container.querySelector('dialog')).toBeNull()
    })
  })
})

describe('an address', () => {
  it('names cameras and a moment', () => {
    expect(playbackAddress(['a', 'b'], AT)).toBe('/playback?cameras=a,b&at=2026-11-20T12:00:00.000Z')
    expect(placeOf(new URLSearchParams('cameras=a,b,a&at=2026-11-20T09:00:00-03:00'))).toEqual({ cameras: ['a', 'b'], at: AT })
    expect(placeOf(new URLSearchParams(`at=${AT}`))).toEqual({ cameras: [], at: AT })
    expect(placeOf(new URLSearchParams('at=yesterday'))).toEqual({ cameras: [], at: undefined })
  })
})
