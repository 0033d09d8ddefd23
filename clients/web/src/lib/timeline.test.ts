import { describe, expect, it } from 'vitest'
import { around, NARROWEST, pan, scaleOf, showing, spanOf, stretchAfter, stretchAt, ticksOf, usAt, WIDEST, windowOf, xOf, zoom, zoomOf, type View } from './timeline'
import { DAY, HOUR, localOf, makeZone, MINUTE, SECOND } from './zone'

const NOW = Date.parse('2026-11-21T12:00:00Z') * 1000
const lisbon = makeZone('Europe/Lisbon')
const hour: View = { from: NOW, to: NOW + HOUR, width: 1200 }

describe('a view', () => {
  it('turns pixels into moments and back', () => {
    expect(usAt(hour, 600)).toBe(NOW + 30 * MINUTE)
    expect(xOf(hour, NOW + 30 * MINUTE)).toBe(600)
    expect(scaleOf(hour)).toBe(3 * SECOND)
  })

  it.each([2, 0.5, 1.1])('zoomed by %f keeps what is under the pointer', (factor) => {
    const zoomed = zoom(hour, factor, 300)
    expect(spanOf(zoomed)).toBeCloseTo(HOUR / factor, -1)
    expect(Math.abs(usAt(zoomed, 300) - usAt(hour, 300))).toBeLessThanOrEqual(1)
  })

  it('goes from a month to seconds and no further', () => {
    expect(spanOf(zoom(hour, 1e9, 0))).toBe(NARROWEST)
    expect(spanOf(zoom(hour, 1e-9, 0))).toBe(WIDEST)
    expect(spanOf(around(NOW, 1, 100))).toBe(NARROWEST)
  })

  it('moves by pixels, and no more than it takes to show a moment', () => {
    expect(pan(hour, 20).from).toBe(NOW + MINUTE)
    expect(showing(hour, NOW + 30 * MINUTE)).toBe(hour)
    const later = showing(hour, NOW + 2 * HOUR)
    expect(later.to).toBeGreaterThan(NOW + 2 * HOUR)
    expect(later.from).toBeLessThan(NOW + 2 * HOUR)
    expect(showing(hour, NOW - HOUR).from).toBeLessThan(NOW - HOUR)
  })

  it('asks for more than it shows, and the same for near views', () => {
    const asked = windowOf(hour)
    expect(asked.from_us).toBeLessThan(hour.from)
    expect(asked.to_us).toBeGreaterThan(hour.to)
    expect(windowOf(pan(hour, 1))).toEqual(asked)
    expect(zoomOf(hour)).toBe(2)
  })
})

describe('the axis', () => {
  it('has labels with room between them, at round times', () => {
    const { step, all } = ticksOf(hour, lisbon)
    expect(step).toBe(5 * MINUTE)
    const labels = all.filter((tick) => tick.kind !== 'minor').map((tick) => tick.us)
    expect(labels).toHaveLength(13)
    expect(labels.every((us) => us % step === 0)).toBe(true)
  })

  it.each([
    ['2026-06-10', 24],
    ['2026-03-29', 23],
    ['2026-10-25', 25],
  ])('draws the hours of %s: %d', (day, hours) => {
    const from = lisbon.at(localOf(day))
    const to = lisbon.dayAfter(from)
    const { step, all } = ticksOf({ from, to: to - 1, width: hours * 80 }, lisbon)
    expect(step).toBe(HOUR)
    const labels = all.filter((tick) => tick.kind !== 'minor')
    expect(labels).toHaveLength(hours)
    expect(labels[0]).toEqual({ us: from, kind: 'day' })
    // Whole hours, each an hour from the other, whatever the clock shows.
    for (const [index, tick] of labels.entries()) expect(tick.us).toBe(from + index * HOUR)
  })

  it.each(['2026-03-29', '2026-10-25'])('goes on at round times after the clock was changed: %s', (day) => {
    const from = lisbon.at(localOf(day))
    const { step, all } = ticksOf({ from, to: lisbon.dayAfter(from) - 1, width: 320 }, lisbon)
    expect(step).toBe(6 * HOUR)
    const shown = all.filter((tick) => tick.kind !== 'minor').map((tick) => (lisbon.local(tick.us) % DAY) / HOUR)
    expect(shown).toEqual([0, 6, 12, 18])
    expect(all.length).toBeGreaterThanOrEqual(23)
  })

  it('marks a month by days where they begin, over a change of the clock', () => {
    const from = lisbon.at(localOf('2026-10-10'))
    const { all } = ticksOf({ from, to: from + 30 * DAY, width: 3000 }, lisbon)
    const starts = all.map((tick) => tick.us)
    expect(starts).toHaveLength(30)
    expect(starts.every((us) => us === lisbon.dayStart(us))).toBe(true)
    expect(all.every((tick) => tick.kind === 'day')).toBe(true)
    const coarse = ticksOf({ from, to: from + 30 * DAY, width: 600 }, lisbon)
    expect(coarse.step).toBe(5 * DAY)
    expect(coarse.all.filter((tick) => tick.kind === 'day')).toHaveLength(6)
  })

  it('does not walk the whole day to mark some seconds of it', () => {
    const from = NOW + 7 * HOUR + 123_456
    const { step, all } = ticksOf({ from, to: from + 10 * SECOND, width: 1000 }, lisbon)
    expect(step).toBe(SECOND)
    expect(all.map((tick) => tick.us)).toEqual(Array.from({ length: 10 }, (_, index) => NOW + 7 * HOUR + (index + 1) * SECOND))
  })
})

describe('stretches of time', () => {
  const list = [
    { from_us: 0, to_us: 10 },
    { from_us: 20, to_us: 30 },
  ]
  it.each([
    [0, list[0]],
    [9, list[0]],
    [10, undefined],
    [20, list[1]],
    [30, undefined],
    [-1, undefined],
  ])('at %d', (us, found) => {
    expect(stretchAt(list, us)).toBe(found)
  })

  it('after a moment', () => {
    expect(stretchAfter(list, 5)).toBe(list[1])
    expect(stretchAfter(list, 25)).toBeUndefined()
  })
})
