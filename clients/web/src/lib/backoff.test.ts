import { describe, expect, it } from 'vitest'
import { makeBackoff } from './backoff'

describe('makeBackoff', () => {
  it('doubles up to the limit', () => {
    const backoff = makeBackoff({ first: 100, most: 400, random: () => 1 })
    expect([backoff.next(), backoff.next(), backoff.next(), backoff.next()]).toEqual([100, 200, 400, 400])
  })

  it('draws each delay from the upper half of its range', () => {
    expect(makeBackoff({ first: 100, most: 400, random: () => 0 }).next()).toBe(50)
    const delay = makeBackoff({ first: 100, most: 400 }).next()
    expect(delay).toBeGreaterThanOrEqual(50)
    expect(delay).toBeLessThanOrEqual(100)
  })

  it('starts over after a success', () => {
    const backoff = makeBackoff({ first: 100, most: 400, random: () => 1 })
    backoff.next()
    backoff.next()
    backoff.reset()
    expect(backoff.next()).toBe(100)
  })
})
