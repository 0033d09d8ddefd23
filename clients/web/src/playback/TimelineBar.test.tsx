import { cleanup } from '@solidjs/testing-library'
import { createSignal } from 'solid-js'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Timeline } from '../api/recording'
import { around, spanOf, usAt, type View } from '../lib/timeline'
import { HOUR, makeZone, SECOND } from '../lib/zone'
import { fakeServer, refusal, show, type FakeServer } from '../ui/testing'
import type { Range } from './range'
import { TimelineBar } from './TimelineBar'

const AT = Date.parse('2026-11-20T12:00:00Z') * 1000
const zone = makeZone('America/Sao_Paulo')
const WIDTH = 1000
const HEIGHT = 120
/** A second is what 3.6 pixels show. */
const FIRST: View = around(AT, HOUR, WIDTH)
const span = { keys: 450, bytes: 1, error_us: 0, camera_offset_ms: 0, rebuilt: false, held: false }
const gate: Timeline = {
  camera: 'c1', stream: 'main', from_us: 0, to_us: AT * 2, days: [], time_zone: zone.name,
  spans: [{ ...span, from_us: AT - HOUR, to_us: AT }, { ...span, from_us: AT + 900 * SECOND, to_us: AT + HOUR, held: true, rebuilt: true }],
  gaps: [{ from_us: AT, to_us: AT + 900 * SECOND, reason: { code: 'disk_full', values: {} } }],
  marks: [{ at_us: AT - 900 * SECOND, to_us: null, kind: 'bookmark', id: 'b1', text: 'White van' }, { at_us: AT - 1000 * SECOND, to_us: null, kind: 'trigger', id: '', text: '' }],
}

let server: FakeServer
let container: HTMLElement
let views: View[]
let sought: number[]
let range: () => Range | undefined

function open(cameras = [{ id: 'c1', name: 'Gate' }, { id: 'c2', name: 'Yard' }], first = gate): void {
  views = []
  sought = []
  const [chosen, setChosen] = createSignal<Range | undefined>({ from_us: AT, to_us: AT + 60 * SECOND })
  range = chosen
  container = show(
    () => (
      <TimelineBar
        view={FIRST}
        zone={zone}
        rows={[first, undefined]}
        cameras={cameras}
        position={AT}
        now={AT + HOUR}
        range={chosen()}
        onView={(view) => views.push(view)}
        onSeek={(us) => sought.push(us)}
        onRange={setChosen}
      />
    ),
    { server },
  ).container
}

const canvas = () => {
  const found = container.querySelector('canvas')
  if (found === null) throw new Error('there is no timeline')
  return Object.assign(found, { setPointerCapture: () => undefined })
}
const send = (target: Element, kind: string, values: Record<string, unknown>) => {
  const event = Object.assign(new Event(kind, { bubbles: true, cancelable: true }), values)
  for (const name of ['offsetX', 'offsetY']) if (name in values) Object.defineProperty(event, name, { value: values[name] })
  target.dispatchEvent(event)
  return event
}
/** Points at a moment of a row. */
const point = (x: number, y = 40, more: Record<string, unknown> = {}) => send(canvas(), 'pointermove', { pointerId: 1, pointerType: 'mouse', buttons: 0, offsetX: x, offsetY: y, ...more })
const tip = () => container.querySelector('.timeline-tip')?.textContent ?? ''

beforeEach(() => {
  vi.useFakeTimers({ shouldAdvanceTime: true })
  vi.spyOn(HTMLElement.prototype, 'clientWidth', 'get').mockReturnValue(WIDTH)
  vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(HEIGHT)
  vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockReturnValue(null)
  let made = 0
  vi.spyOn(URL, 'createObjectURL').mockImplementation(() => `blob:${(made += 1)}`)
  vi.spyOn(URL, 'revokeObjectURL').mockReturnValue()
  server = fakeServer({ 'GET /cameras/c1/picture': () => new Response('jpeg') })
})

afterEach(() => {
  cleanup()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

describe('who points at the timeline', () => {
  it('sees the picture of that moment, once he rests, and again without asking', async () => {
    open()
    point(100)
    point(200)
    await vi.advanceTimersByTimeAsync(200)
    expect(container.querySelector('.timeline-tip img')?.getAttribute('src')).toBe('blob:1')
    const pictures = () => server.asked.filter((one) => one.path.includes('/picture'))
    expect(pictures()).toHaveLength(1)
    point(300)
    await vi.advanceTimersByTimeAsync(200)
    expect(pictures()).toHaveLength(2)
    point(200)
    await vi.advanceTimersByTimeAsync(200)
    expect(container.querySelector('.timeline-tip img')?.getAttribute('src')).toBe('blob:1')
    expect(pictures()).toHaveLength(2)
    send(canvas(), 'pointerleave', {})
    expect(tip()).toBe('')
  })

  it('sees the time alone where there is no picture', async () => {
    server.answers['GET /cameras/c1/picture'] = refusal(404, 'no_recording')
    open()
    point(100)
    await vi.advanceTimersByTimeAsync(200)
    expect(container.querySelector('.timeline-tip img')).toBeNull()
    server.answers['GET /cameras/c1/picture'] = new Error('down')
    point(150)
    await vi.advanceTimersByTimeAsync(200)
    expect(container.querySelector('.timeline-tip img')).toBeNull()
    expect(tip()).toContain('Gate')
  })

  it('is told why there is none, what is kept, and what was marked', () => {
    open()
    point(600)
    expect(tip()).toContain('The disk was full')
    point(800)
    expect(tip()).toContain('Kept for a case')
    expect(tip()).toContain('Index made again from the video')
    point(250)
    expect(tip()).toContain('Bookmark: White van')
    point(222)
    expect(tip()).toContain('Event')
    // The row below is another camera's, of which nothing is known yet.
    point(600, 70)
    expect(tip()).toContain('Yard')
    expect(tip()).not.toContain('The disk was full')
  })

  it('is told that a gap lasts', () => {
    open(undefined, { ...gate, gaps: gate.gaps.map((gap) => ({ ...gap, open: true })) })
    point(600)
    expect(tip()).toContain('The disk was full · until now')
    cleanup()
    open(undefined, { ...gate, gaps: gate.gaps.map((gap) => ({ ...gap, open: false })) })
    point(600)
    expect(tip()).not.toContain('until now')
  })

  it('by a finger, or with a button held, is not pointing', () => {
    open()
    point(600, 40, { pointerType: 'touch' })
    expect(tip()).toBe('')
    point(600, 40, { buttons: 1 })
    expect(tip()).toBe('')
  })

  it('of one camera is not told which', () => {
    open([{ id: 'c1', name: 'Gate' }])
    point(600)
    expect(tip()).not.toContain('Gate')
  })
})

describe('the timeline', () => {
  it('is zoomed and moved by the wheel, and goes where one clicks', () => {
    open()
    const wheel = (values: Record<string, unknown>) => send(canvas(), 'wheel', { deltaX: 0, deltaY: 0, shiftKey: false, offsetX: 500, ...values })
    expect(wheel({ deltaY: -100 }).defaultPrevented).toBe(true)
    expect(spanOf(views.at(-1) ?? FIRST)).toBeLessThan(HOUR)
    wheel({ deltaY: 100 })
    expect(spanOf(views.at(-1) ?? FIRST)).toBeGreaterThan(HOUR)
    wheel({ deltaX: 50 })
    expect(views.at(-1)?.from).toBe(FIRST.from + 180 * SECOND)
    wheel({ deltaY: 50, shiftKey: true })
    expect(views.at(-1)?.from).toBe(FIRST.from + 180 * SECOND)
    send(canvas(), 'pointerdown', { pointerId: 1, offsetX: 250 })
    send(canvas(), 'pointerup', { pointerId: 1, offsetX: 250 })
    expect(sought).toEqual([usAt(FIRST, 250)])
  })

  it('has keys of its own, and leaves the others to the page', () => {
    open()
    send(canvas(), 'keydown', { key: 'ArrowLeft' })
    expect(sought).toEqual([AT - 36 * SECOND])
    send(canvas(), 'keydown', { key: '+' })
    expect(spanOf(views.at(-1) ?? FIRST)).toBe(HOUR / 2)
    expect(send(canvas(), 'keydown', { key: 'k' }).defaultPrevented).toBe(false)
  })

  it('has two handles for a range, moved by keys and by hand, that never cross', () => {
    open()
    const [from, to] = [...container.querySelectorAll('.range-handle')].map((one) => Object.assign(one, { setPointerCapture: () => undefined }))
    if (from === undefined || to === undefined) throw new Error('there are no handles')
    send(to, 'keydown', { key: 'ArrowRight' })
    expect(range()).toEqual({ from_us: AT, to_us: AT + 78 * SECOND })
    send(from, 'keydown', { key: 'ArrowLeft', shiftKey: true })
    expect(range()?.from_us).toBe(AT - 180 * SECOND)
    expect(send(from, 'keydown', { key: 'k' }).defaultPrevented).toBe(false)
    vi.spyOn(HTMLElement.prototype, 'getBoundingClientRect').mockReturnValue(new DOMRect(0, 0, WIDTH, HEIGHT))
    send(from, 'pointermove', { pointerId: 1, clientX: 900 })
    expect(range()?.from_us).toBe(AT - 180 * SECOND)
    send(from, 'pointerdown', { pointerId: 1, clientX: 450 })
    send(from, 'pointermove', { pointerId: 1, clientX: 900 })
    expect(range()).toEqual({ from_us: AT + 77 * SECOND, to_us: AT + 78 * SECOND })
    send(from, 'pointerup', { pointerId: 1 })
    send(to, 'pointerdown', { pointerId: 1 })
    send(to, 'pointermove', { pointerId: 1, clientX: 600 })
    send(to, 'pointercancel', { pointerId: 1 })
    expect(range()?.to_us).toBe(usAt(FIRST, 600))
  })
})
