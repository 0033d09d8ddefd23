import { describe, expect, it, vi } from 'vitest'
import type { Timeline } from '../api/recording'
import { around, spanOf, usAt, type View } from '../lib/timeline'
import { HOUR, makeZone, SECOND } from '../lib/zone'
import { draw, momentText, rowAt, rowHeight, type Paint } from './draw'
import { keyOf, makeGestures } from './TimelineBar'

const AT = Date.parse('2026-11-20T12:00:00Z') * 1000
const zone = makeZone('America/Sao_Paulo')
const view: View = around(AT, HOUR, 1000)
const paint = Object.fromEntries(['ground', 'line', 'text', 'muted', 'span', 'held', 'gap', 'mark', 'accent', 'bad'].map((name) => [name, name])) as unknown as Paint
const press = (key: string, shiftKey = false) => ({ key, shiftKey, ctrlKey: false, altKey: false, metaKey: false })

interface Drawn {
  readonly paint: string
  readonly x: number
  readonly width: number
}

/** A canvas that notes its rectangles and its texts. */
function canvas() {
  const drawn: Drawn[] = []
  const texts: string[] = []
  const target = {
    fillStyle: '',
    clearRect: vi.fn(),
    fillRect: (x: number, _: number, width: number) => drawn.push({ paint: target.fillStyle, x, width }),
    fillText: (text: string) => texts.push(text),
    beginPath: vi.fn(), moveTo: vi.fn(), lineTo: vi.fn(), stroke: vi.fn(), fill: vi.fn(),
  }
  return { target: target as unknown as CanvasRenderingContext2D, drawn, texts }
}

const row: Timeline = {
  camera: 'c1', stream: 'main', from_us: 0, to_us: AT * 2, days: [], time_zone: zone.name,
  spans: [
    { from_us: AT - 900 * SECOND, to_us: AT, keys: 450, bytes: 1, error_us: 0, camera_offset_ms: 0, rebuilt: false, held: false },
    { from_us: AT + 900 * SECOND, to_us: AT + 86_400 * SECOND, keys: 10, bytes: 1, error_us: 0, camera_offset_ms: 0, rebuilt: true, held: true },
  ],
  gaps: [{ from_us: AT, to_us: AT + 900 * SECOND, reason: { code: 'network', values: {} } }],
  marks: [{ at_us: AT - 10 * SECOND, to_us: null, kind: 'bookmark', id: 'b', text: 'x' }, { at_us: AT - 5 * SECOND, to_us: AT, kind: 'trigger', id: '', text: '' }],
}

describe('what is drawn', () => {
  it('is where it was', () => {
    const { target, drawn, texts } = canvas()
    draw(target, { view, height: 100, zone, language: 'en', rows: [row, undefined], position: AT, now: AT + 1200 * SECOND, range: { from_us: AT, to_us: AT + 360 * SECOND }, paint })
    const of = (name: string) => drawn.filter((one) => one.paint === name)
    expect(of('span')).toEqual([{ paint: 'span', x: 250, width: 250 }])
    // Cut off at the edge of the view.
    expect(of('held')).toEqual([{ paint: 'held', x: 750, width: 250 }])
    expect(of('gap')[0]).toEqual({ paint: 'gap', x: 500, width: 250 })
    // The playhead, and the range.
    expect(of('accent')).toContainEqual({ paint: 'accent', x: 499, width: 2 })
    expect(of('accent')).toContainEqual({ paint: 'accent', x: 500, width: 100 })
    expect(Math.round(of('bad')[0]?.x ?? 0)).toBe(833)
    // What is thin is thinner.
    expect(of('ground')).toHaveLength(2)
    expect(texts).toContain('09:00')
  })

  it('of sixteen cameras fits, and each is found', () => {
    expect(rowHeight(150, 16)).toBeGreaterThanOrEqual(7)
    expect(rowAt(10, 150, 2)).toBeUndefined()
    expect(rowAt(30, 150, 2)).toBe(0)
    expect(rowAt(60, 150, 2)).toBe(1)
    expect(rowAt(149, 150, 2)).toBeUndefined()
  })

  it('is told as finely as it is seen', () => {
    expect(momentText(AT, view, zone, 'en')).toBe('09:00:00')
    expect(momentText(AT, around(AT, 24 * HOUR, 1000), zone, 'en')).toContain('Nov 20')
    const lisbon = makeZone('Europe/Lisbon')
    const twice = Date.parse('2026-10-25T00:30:00Z') * 1000
    expect(momentText(twice, view, lisbon, 'en')).toBe('01:30:00 GMT+1')
    expect(momentText(twice + HOUR, view, lisbon, 'en')).toMatch(/^01:30:00 GMT(\+0)?$/)
    expect(momentText(AT + 250_000, around(AT, 10 * SECOND, 1000), zone, 'en')).toBe('09:00:00.25')
  })
})

describe('keys', () => {
  const now = AT + 10 * HOUR
  it.each([
    ['ArrowLeft', false, { at: AT - 36 * SECOND }],
    ['ArrowRight', true, { at: AT + 360 * SECOND }],
    ['PageUp', false, { at: AT - 24 * HOUR }],
    ['PageDown', false, { at: now }],
    ['Home', false, { at: AT - 9 * HOUR }],
    ['End', false, { at: now }],
    ['x', false, undefined],
  ])('%s', (key, shift, meant) => {
    expect(keyOf(press(key, shift), view, AT, zone, now)).toEqual(meant)
  })

  it('zoom around the moment', () => {
    const closer = keyOf(press('+'), view, AT, zone, now)
    if (closer === undefined || !('view' in closer)) throw new Error('it does not zoom')
    expect(spanOf(closer.view)).toBe(HOUR / 2)
    expect(usAt(closer.view, 500)).toBe(AT)
    expect(keyOf({ ...press('+'), ctrlKey: true }, view, AT, zone, now)).toBeUndefined()
  })
})

describe('fingers', () => {
  function hand() {
    let now = view
    const clicks: number[] = []
    const [down, move, up] = makeGestures({ view: () => now, change: (next) => (now = next), click: (x) => clicks.push(x) })
    return { down, move, up, clicks, view: () => now }
  }
  const at = (offsetX: number, pointerId = 1) => ({ offsetX, pointerId })

  it('that rest choose a moment', () => {
    const { down, move, up, clicks } = hand()
    down(at(100))
    move(at(101))
    up(at(101))
    expect(clicks).toEqual([101])
  })

  it('that move take the time with them', () => {
    const { down, move, up, clicks, view: now } = hand()
    down(at(100))
    move(at(300))
    up(at(300))
    expect(clicks).toEqual([])
    expect(now().from).toBe(view.from - 200 * 3.6 * SECOND)
  })

  it('that part zoom', () => {
    const { down, move, up, view: now, clicks } = hand()
    down(at(400, 1))
    down(at(600, 2))
    move(at(800, 2))
    expect(spanOf(now())).toBe(HOUR / 2)
    up(at(800, 2))
    up(at(400, 1))
    move(at(0, 1))
    expect(clicks).toEqual([])
  })
})
