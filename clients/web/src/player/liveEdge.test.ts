import { expect, it } from 'vitest'
import { follow, LEAST_LAG, narrow, widen } from './liveEdge'

it.each([
  ['goes on in its place', 9.75, undefined, 1],
  ['goes on a little behind it', 9.65, undefined, 1],
  ['hurries', 9.3, undefined, 1.05],
  ['hurries as long as it may', 8.3, undefined, 1.05],
  ['jumps from afar', 8.2, 9.75, 1],
  ['jumps back to what is there', 10.5, 9.75, 1],
])('%s', (_, position, jump, rate) => {
  expect(follow({ position, end: 10, lag: 0.25 })).toEqual({ jump, rate })
})

it('keeps farther behind a stream that pauses, and comes nearer when it does not', () => {
  let lag = LEAST_LAG
  for (let pause = 0; pause < 50; pause += 1) lag = widen(lag)
  expect(lag).toBe(1.5)
  expect(narrow(lag)).toBeLessThan(1.5)
  expect(narrow(LEAST_LAG)).toBe(LEAST_LAG)
})
