import { createMemo, createSignal, onCleanup, type Accessor } from 'solid-js'
import { recording, type Gap, type Timeline, type TimelineQuery } from '../api/recording'
import type { StreamName } from '../api/streams'
import { stretchAt, windowOf, zoomOf, type View } from '../lib/timeline'
import { DAY, makeZone, SECOND, type Zone } from '../lib/zone'
import type { Foresight } from '../player/playback'
import { useApp } from '../ui/app'
import { createData, type Data } from '../ui/createData'
import { findNearest, type Ask, type Nearest } from './search'

/** What the timeline knows of a moment. */
export type Known = { readonly kind: 'recorded' } | { readonly kind: 'gap'; readonly gap: Gap } | undefined

export interface Recorded {
  readonly of: (camera: string) => Timeline | undefined
  readonly zone: Accessor<Zone>
  readonly now: Accessor<number>
  readonly error: Accessor<unknown>
  readonly loading: Accessor<boolean>
  readonly known: (camera: string, us: number) => Known
  /** What the player may ask for, so that nothing is asked for in vain. */
  readonly foresee: (camera: string, stream: StreamName, us: number) => Foresight
  readonly nearest: (camera: string, us: number) => Promise<Nearest>
  /** Asks for more of one camera than is in view. */
  readonly ask: (camera: string, stream?: StreamName) => Ask
  readonly reload: () => void
}

/** What is being recorded is asked for again so often. */
const AGAIN_MS = 10_000
const NOW_MS = 1000

type Window = Pick<TimelineQuery, 'from_us' | 'to_us' | 'zoom_us'>

/** What was found out about a time between two recordings. */
interface Between {
  readonly from: number
  readonly to: number
  readonly says: Foresight
  /** Until when it holds, in milliseconds: recordings go on, and are removed. */
  readonly until: number
}

/** What was recorded of some cameras around a view, kept up to date; of their small pictures only where those are shown. */
export function createRecorded(cameras: Accessor<readonly string[]>, view: Accessor<View>, small: Accessor<boolean>): Recorded {
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

  const window = createMemo(
    () => {
      const { from_us, to_us } = windowOf(view())
      return { from_us: Math.max(0, from_us), to_us, zoom_us: Math.min(DAY, Math.round(zoomOf(view()) * SECOND)), again: again() }
    },
    undefined,
    { equals: (one, other) => JSON.stringify(one) === JSON.stringify(other) },
  )
  const read = async (stream: StreamName, ids: readonly string[], { from_us, to_us, zoom_us }: Window) =>
    ids.length === 0 ? [] : recording.timelines(app.client, ids, { from_us, to_us, stream, zoom_us })
  const main = createData(
    () => ({ ids: cameras(), window: window() }),
    (asked) => read('main', asked.ids, asked.window),
  )
  const sub = createData(
    () => ({ ids: small() ? cameras() : [], window: window() }),
    (asked) => read('sub', asked.ids, asked.window),
  )
  const lines: Readonly<Record<StreamName, Data<readonly Timeline[]>>> = { main, sub }
  const ofMain = createMemo(() => new Map(main.value()?.map((line) => [line.camera, line])))
  const ofSub = createMemo(() => new Map(sub.value()?.map((line) => [line.camera, line])))
  // A city's clock; cameras of two cities follow the first one's.
  const zoneName = createMemo(() => main.value()?.[0]?.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone)
  const zone = createMemo(() => makeZone(zoneName()))

  const ask = (camera: string, stream: StreamName = 'main'): Ask => async (from_us, to_us, zoom_us) =>
    (await recording.timelines(app.client, [camera], { from_us: Math.floor(from_us), to_us: Math.ceil(to_us), stream, zoom_us }))[0]
  // eslint-disable-next-line solid/reactivity -- asked for while it plays
  const far = makeFar((camera, stream, us) => findNearest(ask(camera, stream), us, now()))

  return {
    of: (camera) => ofMain().get(camera),
    zone,
    now,
    error: main.error,
    loading: main.loading,
    known(camera, us) {
      const line = ofMain().get(camera)
      if (line === undefined) return undefined
      if (stretchAt(line.spans, us) !== undefined) return { kind: 'recorded' }
      const gap = stretchAt(line.gaps, us)
      return gap === undefined ? undefined : { kind: 'gap', gap }
    },
    foresee(camera, stream, us) {
      const line = (stream === 'main' ? ofMain() : ofSub()).get(camera)
      if (line === undefined) return lines[stream].error() === undefined ? 'wait' : 'ask'
      if (us < line.from_us || us >= line.to_us) return lines[stream].loading() ? 'wait' : far(camera, stream, us)
      const last = line.spans.at(-1)
      if (last !== undefined && us < last.to_us) return 'ask'
      if (last !== undefined && line.to_us >= now()) return last.to_us
      return far(camera, stream, us)
    },
    nearest: (camera, us) => findNearest(ask(camera), us, now()),
    ask,
    reload: () => setAgain((count) => count + 1),
  }
}

/** Looks beyond what is in view, one search a stream at a time, and remembers what it found. */
export function makeFar(
  find: (camera: string, stream: StreamName, us: number) => Promise<Nearest>,
  clock: () => number = Date.now,
): (camera: string, stream: StreamName, us: number) => Foresight {
  const found = new Map<string, Between>()
  const asked = new Set<string>()

  function remember(name: string, us: number, { before, after }: Nearest): void {
    const until = clock() + AGAIN_MS
    if (after === us) found.set(name, { from: us, to: us, says: 'ask', until })
    else found.set(name, { from: before ?? 0, to: after ?? Infinity, says: after === undefined ? (before ?? 'nothing') : 'ask', until })
  }

  return (camera, stream, us) => {
    const name = `${camera}/${stream}`
    const one = found.get(name)
    if (one !== undefined && one.from <= us && us <= one.to && clock() < one.until) return one.says
    if (!asked.has(name)) {
      asked.add(name)
      find(camera, stream, us)
        .then((nearest) => {
          remember(name, us, nearest)
        })
        .catch(() => {
          // Where the timeline cannot be had, the recordings themselves are asked.
          found.set(name, { from: us, to: us, says: 'ask', until: clock() + AGAIN_MS })
        })
        .finally(() => asked.delete(name))
    }
    return 'wait'
  }
}
