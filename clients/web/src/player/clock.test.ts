import { describe, expect, it } from 'vitest'
import { byKeys, makeClock, nextSpeed } from './clock'

const AT = 1_800_000_000_000_000

function clockAt() {
  let ms = 0
  return { clock: makeClock(AT, () => ms), pass: (by: number) => (ms += by) }
}

describe('the clock', () => {
  it('stands until it is wanted, then runs with real time', () => {
    const { clock, pass } = clockAt()
    pass(500)
    expect(clock.position()).toBe(AT)
    clock.want(true)
    pass(250)
    expect(clock.position()).toBe(AT + 250_000)
    clock.want(false)
    pass(1000)
    expect(clock.position()).toBe(AT + 250_000)
  })

  it.each([1 / 8, 4, 16, -1, -16])('runs %f times as fast, and a change of speed loses nothing', (rate) => {
    const { clock, pass } = clockAt()
    clock.want(true)
    pass(1000)
    clock.setRate(rate)
    pass(800)
    expect(clock.position()).toBe(AT + 1_000_000 + 800_000 * rate)
  })

  it('waits while it is held and goes on from there', () => {
    const { clock, pass } = clockAt()
    clock.want(true)
    clock.hold(true)
    pass(3000)
    expect(clock.running()).toBe(false)
    expect(clock.wanted()).toBe(true)
    clock.hold(false)
    pass(100)
    expect(clock.position()).toBe(AT + 100_000)
  })

  it('goes on from where it is set', () => {
    const { clock, pass } = clockAt()
    clock.want(true)
    pass(10)
    clock.seek(AT - 5_000_000)
    pass(10)
    expect(clock.position()).toBe(AT - 4_990_000)
  })
})

describe('speeds', () => {
  it.each([
    [1, true, 2],
    [16, true, 16],
    [1 / 8, false, 1 / 8],
    [-1, true, -2],
    [-2, false, -1],
  ])('from %f', (rate, up, next) => {
    expect(nextSpeed(rate, up)).toBe(next)
  })

  it('above four, and backwards, go by key frames', () => {
    expect([1 / 8, 4, 8, -1 / 8, -16].map(byKeys)).toEqual([false, false, true, true, true])
  })
})
