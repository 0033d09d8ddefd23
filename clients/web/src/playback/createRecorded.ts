import { createMemo, createSignal, onCleanup, type Accessor } from 'solid-js'
import { recording, type Timeline } from '../api/recording'
import { stretchAt, windowOf, zoomOf, type View } from '../lib/timeline'
import { DAY, makeZone, SECOND, type Zone } from '../lib/zone'
import { useApp } from '../ui/app'
import { createData } from '../ui/createData'

/** What the timeline knows of a moment. */
export type Known = { readonly kind: 'recorded' } | { readonly kind: 'gap'; readonly code: string } | undefined

export interface Recorded {
  readonly of: (camera: string) => Timeline | undefined
  readonly zone: Accessor<Zone>
  readonly now: Accessor<number>
  readonly error: Accessor<unknown>
  readonly loading: Accessor<boolean>
  readonly known: (camera: string, us: number) => Known
  readonly reload: () => void
}

/** What is being recorded is asked for again so often. */
const AGAIN_MS = 10_000
const NOW_MS = 1000

/** What was recorded of some cameras around a view, kept up to date. */
export function createRecorded(cameras: Accessor<readonly string[]>, view: Accessor<View>): Recorded {
  const app = useApp()
  const [now, setNow] = createSignal(Date.now() * 1000)
  const [again, setAgain] = createSignal(0)
  const clock = setInterval(() => setNow(Date.now() * 1000), NOW_MS)
  const refresh = setInterval(() => {
    // What is past does not change but by retention.
    if (view().to > now() - DAY / 24) setAgain((count) => count + 1)
  }, AGAIN_MS)
  onCleanup(() => {
    clearInterval(clock)
    clearInterval(refresh)
  })

  const asked = createMemo(
    () => {
      const { from_us, to_us } = windowOf(view())
      const zoom_us = Math.min(DAY, Math.round(zoomOf(view()) * SECOND))
      return { cameras: cameras(), query: { from_us: Math.max(0, from_us), to_us, stream: 'main' as const, zoom_us }, again: again() }
    },
    undefined,
    { equals: (one, other) => JSON.stringify(one) === JSON.stringify(other) },
  )
  const lines = createData(() => asked(), async ({ cameras: ids, query }) =>
    ids.length === 0 ? [] : recording.timelines(app.client, ids, query),
  )
  const byCamera = createMemo(() => new Map(lines.value()?.map((line) => [line.camera, line])))
  // A city's clock; cameras of two cities follow the first one's.
  const zoneName = createMemo(() => lines.value()?.[0]?.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone)
  const zone = createMemo(() => makeZone(zoneName()))

  return {
    of: (camera) => byCamera().get(camera),
    zone,
    now,
    error: lines.error,
    loading: lines.loading,
    known(camera, us) {
      const line = byCamera().get(camera)
      if (line === undefined) return undefined
      if (stretchAt(line.spans, us) !== undefined) return { kind: 'recorded' }
      const gap = stretchAt(line.gaps, us)
      return gap === undefined ? undefined : { kind: 'gap', code: gap.reason.code }
    },
    reload: () => setAgain((count) => count + 1),
  }
}
