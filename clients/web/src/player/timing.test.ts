import { expect, it } from 'vitest'
import { makeTiming } from './timing'

const frame = (shown: number, key = false) => ({
  key,
  breaks: false,
  catchesUp: false,
  shown: 7_000_000_000_000 + shown,
  taken: 0,
  data: new Uint8Array(),
})

function times(shown: readonly number[]): (readonly [shown: number, decode: number, lasts: number])[] {
  const timing = makeTiming()
  return shown.flatMap((at) => {
    const sample = timing.next(frame(at))
    return sample === undefined ? [] : [[sample.shown - 1_000_000, sample.decode - 1_000_000, sample.lasts] as const]
  })
}

it('lets each frame last until the next, over what was left out too', () => {
  expect(times([0, 40_000, 80_000, 900_000, 940_000])).toEqual([
    [0, 0, 40_000],
    [40_000, 40_000, 40_000],
    [80_000, 80_000, 820_000],
    [900_000, 900_000, 40_000],
  ])
})

it('gives frames that are shown in another order than they come their turn', () => {
  const all = times([0, 120_000, 40_000, 80_000, 240_000, 160_000, 200_000, 360_000])
  const turns = all.map(([, decode]) => decode)
  expect(turns).toEqual([...turns].sort((a, b) => a - b))
  expect(new Set(turns).size).toBe(turns.length)
  // None is shown before its turn by more than the microsecond that keeps turns apart.
  for (const [shown, decode] of all) expect(decode - shown).toBeLessThanOrEqual(2)
  expect(all.every(([, , lasts]) => lasts > 0)).toBe(true)
})

it('says which frames begin a group', () => {
  const timing = makeTiming()
  expect(timing.next(frame(0, true))).toBeUndefined()
  expect(timing.next(frame(1))?.key).toBe(true)
  expect(timing.next(frame(2))?.key).toBe(false)
})
