import { describe, expect, it, vi } from 'vitest'
import type { Timeline } from '../api/recording'
import { DAY, HOUR, SECOND } from '../lib/zone'
import { makeFar } from './createRecorded'
import { findGoal, findNearest, type Ask } from './search'

const NOW = Date.parse('2026-11-21T12:00:00Z') * 1000

type Stretch = readonly [number, number]

/** A server that has these times, and answers as it is asked: what touches the window. */
function serverOf(spans: readonly Stretch[], marks: Timeline['marks'] = []): Ask & { asked: Stretch[] } {
  const asked: Stretch[] = []
  const ask: Ask = (from_us, to_us) => {
    asked.push([from_us, to_us])
    const inside = ([from, to]: Stretch) => from < to_us && to > from_us
    const between = spans.slice(1).map(([from], index): Stretch => [spans[index]?.[1] ?? 0, from])
    const line: Timeline = {
      camera: 'c1', stream: 'main', from_us, to_us, days: [], time_zone: 'UTC',
      spans: spans.filter(inside).map(([from, to]) => ({ from_us: from, to_us: to, keys: 1, bytes: 1, error_us: 0, camera_offset_ms: 0, rebuilt: false, held: false })),
      gaps: between.filter(inside).map(([from, to]) => ({ from_us: from, to_us: to, reason: { code: 'network', values: {} } })),
      marks: marks.filter((mark) => mark.at_us >= from_us && mark.at_us < to_us),
    }
    return Promise.resolve(line)
  }
  return Object.assign(ask, { asked })
}

const mark = (at_us: number, kind: Timeline['marks'][number]['kind']) => ({ at_us, to_us: null, kind, id: '', text: '' })

describe('the recordings nearest to a moment', () => {
  const AT = NOW - 5 * DAY

  it('are the end of the one before and the beginning of the next, however far', async () => {
    const ask = serverOf([[AT - 40 * DAY, AT - 20 * DAY], [AT + HOUR, AT + 2 * HOUR]])
    await expect(findNearest(ask, AT, NOW)).resolves.toEqual({ before: AT - 20 * DAY, after: AT + HOUR })
    // The one that is near was found in the first look.
    expect(ask.asked.filter(([from]) => from === AT)).toHaveLength(1)
  })

  it('are this moment itself where it was recorded', async () => {
    await expect(findNearest(serverOf([[AT - HOUR, AT + HOUR]]), AT, NOW)).resolves.toEqual({ before: AT, after: AT })
  })

  it('are none where there are none, and the future is not asked about', async () => {
    const ask = serverOf([])
    await expect(findNearest(ask, NOW, NOW)).resolves.toEqual({ before: undefined, after: undefined })
    expect(ask.asked.every(([, to]) => to <= NOW)).toBe(true)
    await expect(findNearest(() => Promise.resolve(undefined), AT, NOW)).resolves.toEqual({ before: undefined, after: undefined })
  })
})

describe('the next of a kind', () => {
  const AT = NOW - DAY
  const ask = serverOf(
    [[AT - 2 * HOUR, AT - HOUR], [AT - HOUR / 2, AT + HOUR], [AT + 2 * HOUR, NOW]],
    [mark(AT - 100 * SECOND, 'trigger'), mark(AT - SECOND / 2, 'trigger'), mark(AT + 10 * SECOND, 'bookmark'), mark(AT + 20 * SECOND, 'alarm'), mark(AT + 30 * SECOND, 'clip')],
  )

  it.each([
    ['event', true, AT + 20 * SECOND],
    // What was just gone to is not gone back to.
    ['event', false, AT - 100 * SECOND],
    ['bookmark', true, AT + 10 * SECOND],
    ['bookmark', false, undefined],
    ['gap', true, AT + HOUR],
    ['gap', false, AT - HOUR],
  ] as const)('%s, forward %s', async (goal, forward, wanted) => {
    await expect(findGoal(ask, goal, AT, forward, NOW)).resolves.toBe(wanted)
  })
})

describe('what is known beyond the view', () => {
  it('is looked for once, and remembered for as long as it can hold', async () => {
    let now = 0
    const find = vi.fn(() => Promise.resolve({ before: 100, after: 900 }))
    const far = makeFar(find, () => now)
    expect(far('c1', 'main', 500)).toBe('wait')
    expect(far('c1', 'main', 600)).toBe('wait')
    await vi.waitFor(() => {
      expect(far('c1', 'main', 500)).toBe('ask')
    })
    expect(far('c1', 'main', 899)).toBe('ask')
    expect(find).toHaveBeenCalledOnce()
    // Beyond what was found, of another stream, and later.
    expect(far('c1', 'main', 901)).toBe('wait')
    expect(far('c1', 'sub', 500)).toBe('wait')
    await vi.waitFor(() => {
      expect(find).toHaveBeenCalledTimes(3)
    })
    now = 60_000
    expect(far('c1', 'sub', 500)).toBe('wait')
  })

  it.each([
    [{ before: 100, after: undefined }, 100],
    [{ before: undefined, after: undefined }, 'nothing'],
    [{ before: 500, after: 500 }, 'ask'],
  ] as const)('%o is %s', async (found, wanted) => {
    const far = makeFar(() => Promise.resolve(found), () => 0)
    far('c1', 'main', 500)
    await vi.waitFor(() => {
      expect(far('c1', 'main', 500)).toBe(wanted)
    })
  })

  it('leaves it to the recordings where it cannot be found out', async () => {
    const far = makeFar(() => Promise.reject(new Error('down')), () => 0)
    far('c1', 'main', 500)
    await vi.waitFor(() => {
      expect(far('c1', 'main', 500)).toBe('ask')
    })
  })
})
