import { describe, expect, it } from 'vitest'
import { DAY, fieldOf, HOUR, isTwice, localOf, makeZone, MINUTE, momentOf } from './zone'

const utc = (text: string) => Date.parse(text) * 1000
const lisbon = makeZone('Europe/Lisbon')
/** Its clock skipped midnight itself: 2018-11-04 began at one o'clock. */
const saoPaulo = makeZone('America/Sao_Paulo')

describe('a day in a zone', () => {
  it.each([
    ['an ordinary day', lisbon, '2026-06-10', 24],
    ['the day when summer begins', lisbon, '2026-03-29', 23],
    ['the day when summer ends', lisbon, '2026-10-25', 25],
    ['a day that has no midnight', saoPaulo, '2018-11-04', 23],
    ['a day that has two', saoPaulo, '2018-02-17', 25],
  ])('%s is as long as it was', (_, zone, day, hours) => {
    const start = zone.at(localOf(day))
    expect(zone.day(start)).toBe(day)
    expect(zone.day(start - 1)).not.toBe(day)
    const next = zone.dayAfter(start)
    expect((next - start) / HOUR).toBe(hours)
    expect(zone.dayStart(next - 1)).toBe(start)
    expect(zone.dayStart(start)).toBe(start)
  })

  it('that has no midnight begins at one', () => {
    const start = saoPaulo.at(localOf('2018-11-04'))
    expect(start).toBe(utc('2018-11-04T03:00:00Z'))
    expect(fieldOf(start, saoPaulo)).toBe('2018-11-04T01:00:00')
  })

  it('is counted over changes', () => {
    const start = lisbon.at(localOf('2026-03-01'))
    expect(lisbon.day(lisbon.dayAfter(start, 31))).toBe('2026-04-01')
    expect(lisbon.day(lisbon.dayAfter(start, -1))).toBe('2026-02-28')
    expect(lisbon.dayAfter(start, 31) - start).toBe(31 * DAY - HOUR)
  })
})

describe('what the clock shows', () => {
  it('twice is meant the first time', () => {
    expect(lisbon.at(utc('2026-10-25T01:30:00Z'))).toBe(utc('2026-10-25T00:30:00Z'))
  })

  it('never is the moment of the change', () => {
    expect(lisbon.at(utc('2026-03-29T01:30:00Z'))).toBe(utc('2026-03-29T01:00:00Z'))
  })

  it('goes into a field and comes back', () => {
    const now = utc('2026-11-21T13:14:15Z')
    expect(fieldOf(now, saoPaulo)).toBe('2026-11-21T10:14:15')
    expect(momentOf('2026-11-21T10:14:15', saoPaulo)).toBe(now)
    expect(momentOf('2026-11-21T10:14', saoPaulo)).toBe(now - 15_000_000)
    expect(momentOf('', saoPaulo)).toBeUndefined()
  })

  it('keeps what is finer than a second, also where the offset is no whole hour', () => {
    const kolkata = makeZone('Asia/Kolkata')
    expect(kolkata.local(1_700_000_000_123_456)).toBe(1_700_000_000_123_456 + 330 * MINUTE)
  })
})

it.each([
  ['2026-10-25T00:30:00Z', true],
  ['2026-10-25T01:30:00Z', true],
  ['2026-10-25T02:00:00Z', false],
  ['2026-10-24T23:59:59Z', false],
  ['2026-03-29T01:30:00Z', false],
])('%s is shown twice by the clock in Lisbon: %s', (text, wanted) => {
  expect(isTwice(utc(text), lisbon)).toBe(wanted)
})

it('reads a zone that is not known as UTC', () => {
  expect(makeZone('Mars/Olympus').name).toBe('UTC')
})
