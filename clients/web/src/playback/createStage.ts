import { createMemo, createSignal, type Accessor } from 'solid-js'
import { WHOLE, type Zoomed } from '../lib/zoomed'

/** So many places; `all`: as many as there are cameras. */
export type Layout = 'all' | 1 | 4 | 9 | 16
export const LAYOUTS: readonly Exclude<Layout, 'all'>[] = [1, 4, 9, 16]

/** Which cameras are chosen, which of them are seen, and how. */
export interface Stage {
  readonly chosen: Accessor<readonly string[]>
  readonly layout: Accessor<Layout>
  /** Those of the page that the focused camera is on. */
  readonly shown: Accessor<readonly string[]>
  /** Places of the grid; some may be empty. */
  readonly places: Accessor<number>
  readonly focused: Accessor<string>
  readonly page: Accessor<{ readonly index: number; readonly count: number }>
  /** Of the camera; the whole picture where nothing else was said. */
  readonly zoomed: (id: string) => Zoomed
  choose(cameras: readonly string[]): void
  focus(id: string): void
  /** The same once more goes back to all of them. */
  setLayout(layout: Layout): void
  turn(by: number): void
  /** One camera alone, and back to what was before. */
  enlarge(id: string): void
  /** From one camera alone back to what was before; false where more are seen. */
  leave(): boolean
  zoom(id: string, zoomed: Zoomed): void
}

export function createStage(first: readonly string[]): Stage {
  const [chosen, setChosen] = createSignal(first)
  const [wanted, focus] = createSignal(first[0] ?? '')
  const [layout, setLayout] = createSignal<Layout>('all')
  const [before, setBefore] = createSignal<Layout>('all')
  const [zooms, setZooms] = createSignal<ReadonlyMap<string, Zoomed>>(new Map())

  const focused = createMemo(() => (chosen().includes(wanted()) ? wanted() : (chosen()[0] ?? '')))
  const places = createMemo(() => {
    const now = layout()
    return now === 'all' ? chosen().length : now
  })
  const page = createMemo(() => {
    const size = Math.max(1, places())
    return { index: Math.floor(Math.max(0, chosen().indexOf(focused())) / size), count: Math.max(1, Math.ceil(chosen().length / size)) }
  })
  const shown = createMemo(() => chosen().slice(page().index * places(), (page().index + 1) * places()))

  function change(next: Layout): void {
    setBefore(layout())
    setLayout(next)
  }

  return {
    chosen,
    layout,
    shown,
    places,
    focused,
    page,
    zoomed: (id) => zooms().get(id) ?? WHOLE,
    choose: setChosen,
    focus,
    setLayout: (next) => {
      change(next === layout() ? 'all' : next)
    },
    turn(by) {
      const { index, count } = page()
      const id = chosen()[Math.min(Math.max(index + by, 0), count - 1) * places()]
      if (id !== undefined) focus(id)
    },
    enlarge(id) {
      focus(id)
      if (layout() === 1) change(before() === 1 ? 'all' : before())
      else change(1)
    },
    leave() {
      if (layout() !== 1) return false
      change(before() === 1 ? 'all' : before())
      return true
    },
    zoom: (id, zoomed) => setZooms((now) => new Map(now).set(id, zoomed)),
  }
}
