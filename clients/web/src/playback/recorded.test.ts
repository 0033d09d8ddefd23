import { cleanup } from '@solidjs/testing-library'
import { createSignal } from 'solid-js'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Timeline } from '../api/recording'
import { around, type View } from '../lib/timeline'
import { DAY, HOUR, SECOND } from '../lib/zone'
import { fakeServer, refusal, show, type FakeServer } from '../ui/testing'
import { createRecorded, type Recorded } from './createRecorded'

const NOW = Date.parse('2026-11-21T12:00:00Z') * 1000
const span = { keys: 1, bytes: 1, error_us: 0, camera_offset_ms: 0, rebuilt: false, held: false }

/** A server that has these times of every camera and stream. */
function answerWith(...spans: readonly (readonly [number, number])[]) {
  return ({ path }: { path: string }) => {
    const query = new URLSearchParams(path.split('?')[1])
    const from_us = Number(query.get('from_us'))
    const to_us = Number(query.get('to_us'))
    const line = (camera: string): Timeline => ({
      camera, stream: 'main', from_us, to_us, marks: [], days: [], time_zone: 'America/Sao_Paulo',
      spans: spans.filter(([from, to]) => from < to_us && to > from_us).map(([from, to]) => ({ ...span, from_us: from, to_us: to })),
      gaps: [{ from_us: NOW - 2 * HOUR, to_us: NOW - HOUR, reason: { code: 'network', values: {} } }],
    })
    return { items: (query.get('cameras') ?? '').split(',').map(line) }
  }
}

let server: FakeServer
let recorded: Recorded
let setView: (view: View) => void

function open(small = false): void {
  show(
    () => {
      const [view, change] = createSignal(around(NOW, 2 * HOUR, 1000))
      setView = change
      recorded = createRecorded(() => ['c1'], view, () => small)
      return undefined
    },
    { server },
  )
}
const says = (us: number, wanted: unknown, stream: 'main' | 'sub' = 'main') =>
  vi.waitFor(() => {
    expect(recorded.foresee('c1', stream, us)).toBe(wanted)
  })
const asked = () => server.asked.filter((one) => one.path.startsWith('/timelines'))

beforeEach(() => {
  vi.useFakeTimers({ now: NOW / 1000, shouldAdvanceTime: true })
  server = fakeServer({ 'GET /timelines': answerWith([NOW - 40 * DAY, NOW - 39 * DAY], [NOW - HOUR, NOW - 5 * SECOND]) })
})

afterEach(() => {
  cleanup()
  vi.useRealTimers()
})

describe('what is known of recordings', () => {
  it('is waited for, then told from what is in view', async () => {
    open()
    expect(recorded.foresee('c1', 'main', NOW - HOUR)).toBe('wait')
    expect(recorded.known('c1', NOW)).toBeUndefined()
    await says(NOW - HOUR / 2, 'ask')
    // Something comes after it, so the server has an answer.
    await says(NOW - 1.5 * HOUR, 'ask')
    // What runs may have gone on since: it is asked there.
    await says(NOW - SECOND, NOW - 5 * SECOND)
    expect(recorded.known('c1', NOW - HOUR / 2)).toEqual({ kind: 'recorded' })
    expect(recorded.known('c1', NOW - 1.5 * HOUR)).toMatchObject({ kind: 'gap', gap: { reason: { code: 'network' } } })
    expect(recorded.known('c1', NOW - SECOND)).toBeUndefined()
    expect(recorded.zone().name).toBe('America/Sao_Paulo')
    expect(asked().every((one) => one.path.includes('stream=main'))).toBe(true)
  })

  it('is looked for where the view does not reach', async () => {
    open()
    await says(NOW - HOUR / 2, 'ask')
    const before = asked().length
    await says(NOW - 20 * DAY, 'ask')
    expect(asked().length).toBeGreaterThan(before)
  })

  it('is nothing where there is nothing at all, and the end where nothing came since', async () => {
    server.answers['GET /timelines'] = answerWith()
    open()
    await says(NOW - SECOND, 'nothing')
    cleanup()
    server.answers['GET /timelines'] = answerWith([NOW - 40 * DAY, NOW - 39 * DAY])
    open()
    await says(NOW - SECOND, NOW - 39 * DAY)
  })

  it('that cannot be had is left to the recordings themselves', async () => {
    server.answers['GET /timelines'] = refusal(503, 'unavailable')
    open(true)
    await says(NOW - SECOND, 'ask')
    await says(NOW - SECOND, 'ask', 'sub')
    expect(recorded.error()).toBeDefined()
  })

  it('is asked for again while it goes on, and not where it is past', async () => {
    open()
    await says(NOW - HOUR / 2, 'ask')
    const before = asked().length
    await vi.advanceTimersByTimeAsync(10_500)
    expect(asked().length).toBe(before + 1)
    setView(around(NOW - 30 * DAY, 2 * HOUR, 1000))
    await says(NOW - 30 * DAY, 'ask')
    const later = asked().length
    await vi.advanceTimersByTimeAsync(30_500)
    expect(asked().length).toBe(later)
    recorded.reload()
    await vi.waitFor(() => {
      expect(asked().length).toBe(later + 1)
    })
  })

  it('finds what is next to a moment', async () => {
    open()
    await expect(recorded.nearest('c1', NOW - 20 * DAY)).resolves.toEqual({ before: NOW - 39 * DAY, after: NOW - HOUR })
  })
})
