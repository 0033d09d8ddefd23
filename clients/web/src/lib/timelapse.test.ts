import { describe, expect, it } from 'vitest'
import { picturesOf, usualEvery } from './timelapse'
import { DAY, HOUR, SECOND } from './zone'

describe('a time-lapse', () => {
  it('has a picture of each step, the first at the beginning', () => {
    expect(picturesOf({ every_s: 10 }, HOUR)).toBe(360)
    expect(picturesOf({ every_s: 10 }, HOUR + 1)).toBe(361)
    expect(picturesOf({ every_s: 86_400 }, HOUR)).toBe(1)
  })

  it('of a wanted length has 25 pictures a second', () => {
    expect(picturesOf({ length_s: 60 }, DAY)).toBe(1500)
    expect(picturesOf({ length_s: 60, every_s: null }, 25 * 60 * SECOND)).toBe(1500)
  })

  it('takes no more than a picture a second, and is shorter then', () => {
    expect(picturesOf({ length_s: 60 }, 600 * SECOND)).toBe(600)
  })

  it.each([
    [60 * SECOND, 1],
    [HOUR, 5],
    [DAY, 60],
    [31 * DAY, 1800],
    [1000 * DAY, 3600],
  ])('of %d microseconds takes a picture every %d s where nobody says otherwise', (time, every) => {
    expect(usualEvery(time)).toBe(every)
  })
})
