import { createEffect, createMemo, createSignal, on, onCleanup, onMount, Show, type JSX } from 'solid-js'
import type { StreamName } from '../api/streams'
import { SECOND } from '../lib/zone'
import { movePicture, transformOf, zoomPicture, ZOOM_STEP, type Zoomed } from '../lib/zoomed'
import { makeGroups, type PlaybackToken } from '../player/groups'
import { makePlayback, type PlaybackOptions, type Foresight, type PlaybackState, type Playback } from '../player/playback'
import { makeSink } from '../player/sink'
import { useApp } from '../ui/app'
import type { ReactiveDesk } from './createDesk'
import type { Known } from './createRecorded'
import { gapText } from './gap'

export interface PlaybackTileProps {
  readonly id: string
  readonly name: string
  readonly desk: ReactiveDesk
  /** Whether it is one of several: then the small picture does. */
  readonly small: boolean
  readonly focused: boolean
  readonly muted: boolean
  readonly token: (stream: StreamName) => PlaybackToken
  readonly known: (us: number) => Known
  readonly foresee: (stream: StreamName, us: number) => Foresight
  readonly zoomed: Zoomed
  readonly make?: ((options: PlaybackOptions) => Playback) | undefined
  onFocus(): void
  onEnlarge(): void
  onZoom(zoomed: Zoomed): void
  onState(state: PlaybackState): void
}

/** One camera's recorded pictures, or why there are none. */
export function PlaybackTile(props: PlaybackTileProps): JSX.Element {
  const app = useApp()
  const [state, setState] = createSignal<PlaybackState>({ kind: 'loading' })
  // The small stream may not be recorded: then the large one is shown.
  const [onlyMain, setOnlyMain] = createSignal(false)
  // Who looks closer wants the large picture.
  const stream = createMemo<StreamName>(() => (props.small && !onlyMain() && props.zoomed.scale === 1 ? 'sub' : 'main'))
  let tile: HTMLDivElement | undefined
  let video: HTMLVideoElement | undefined

  onMount(() => {
    createEffect(
      on(stream, (name) => {
        if (video === undefined) return
        const element = video
        const playback = (props.make ?? makePlayback)({
          groups: makeGroups({ camera: props.id, stream: name, token: props.token(name) }),
          makeSink: () => makeSink(element),
          foresee: (us) => props.foresee(name, us),
          sound: !props.small,
          onState: setState,
        })
        const forget = props.desk.add(props.id, playback)
        onCleanup(() => {
          forget()
          playback.close()
        })
      }),
    )
  })
  createEffect(() => {
    const now = state()
    if (stream() === 'main' || (now.kind !== 'end' && now.kind !== 'gap')) return
    if (props.known(props.desk.position())?.kind === 'recorded') setOnlyMain(true)
  })
  createEffect(() => {
    props.onState(state())
  })
  // Read when a finger moves, not when it is made.
  // eslint-disable-next-line solid/reactivity
  const [begin, move, end] = makeHold(() => props.zoomed, (next) => { props.onZoom(next) }, () => tile)
  function onWheel(event: WheelEvent): void {
    event.preventDefault()
    const box = tile?.getBoundingClientRect()
    if (box === undefined) return
    props.onZoom(zoomPicture(props.zoomed, event.deltaY < 0 ? ZOOM_STEP : 1 / ZOOM_STEP, (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height))
  }
  onMount(() => {
    // Solid listens passively, and the page must not scroll.
    tile?.addEventListener('wheel', onWheel, { passive: false })
    onCleanup(() => tile?.removeEventListener('wheel', onWheel))
  })
  createEffect(() => {
    if (video !== undefined) video.muted = props.muted || !props.focused
  })

  return (
    <div
      ref={tile}
      class="tile"
      classList={{ focused: props.focused && props.small, closer: props.zoomed.scale > 1 }}
      role="button"
      tabindex={0}
      aria-label={app.text('play.tile', { name: props.name })}
      aria-pressed={props.focused}
      data-camera={props.id}
      onFocus={() => { props.onFocus() }}
      onClick={() => { props.onFocus() }}
      onDblClick={() => { props.onEnlarge() }}
      onPointerDown={begin}
      onPointerMove={move}
      onPointerUp={end}
      onPointerCancel={end}
    >
      <video ref={video} class="picture" classList={{ showing: state().kind === 'showing' || state().kind === 'loading' }} style={{ transform: transformOf(props.zoomed) }} playsinline muted disablepictureinpicture />
      <Notice state={state()} at={props.desk.position()} known={props.known} />
      <div class="caption">
        <span class="dot" classList={{ [DOTS[state().kind]]: true }} />
        <span class="name">{props.name}</span>
        <Show when={props.zoomed.scale > 1}>
          <span class="closer-by">{`${app.t().number(props.zoomed.scale, 1)}×`}</span>
        </Show>
      </div>
    </div>
  )
}

type Pointer = Pick<PointerEvent, 'pointerId' | 'clientX' | 'clientY'>

/** One finger or the mouse moves a picture that is larger than its place, two fingers make it larger or smaller. */
export function makeHold(
  zoomed: () => Zoomed,
  change: (next: Zoomed) => void,
  place: () => Element | undefined,
): readonly [(event: Pointer) => void, (event: Pointer) => void, (event: Pointer) => void] {
  const down = new Map<number, Pointer>()
  function move(event: Pointer): void {
    const before = down.get(event.pointerId)
    const box = place()?.getBoundingClientRect()
    if (before === undefined || box === undefined || box.width === 0) return
    const other = [...down].find(([id]) => id !== event.pointerId)?.[1]
    down.set(event.pointerId, { pointerId: event.pointerId, clientX: event.clientX, clientY: event.clientY })
    if (other === undefined) {
      if (zoomed().scale > 1) change(movePicture(zoomed(), (event.clientX - before.clientX) / box.width, (event.clientY - before.clientY) / box.height))
      return
    }
    const apart = (one: Pointer) => Math.max(8, Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY))
    const middle = { x: (event.clientX + other.clientX) / 2 - box.left, y: (event.clientY + other.clientY) / 2 - box.top }
    change(zoomPicture(zoomed(), apart(event) / apart(before), middle.x / box.width, middle.y / box.height))
  }
  return [
    (event) => {
      down.set(event.pointerId, { pointerId: event.pointerId, clientX: event.clientX, clientY: event.clientY })
    },
    move,
    (event) => {
      down.delete(event.pointerId)
    },
  ]
}

const DOTS: Readonly<Record<PlaybackState['kind'], string>> = { loading: 'busy', showing: 'live', gap: 'warn', end: 'off', failed: 'bad' }

const gapOf = (known: Known) => (known?.kind === 'gap' ? known.gap : undefined)

function Notice(props: { readonly state: PlaybackState; readonly at: number; readonly known: (us: number) => Known }): JSX.Element {
  const app = useApp()
  const said = createMemo((): { readonly tone: string; readonly title: string; readonly reason?: string } | undefined => {
    const now = props.state
    switch (now.kind) {
      case 'loading':
        return { tone: 'busy', title: app.text('play.loading') }
      case 'showing':
        return undefined
      case 'end': {
        const gap = gapOf(props.known(props.at))
        const title = app.text('play.end')
        return gap?.open === true ? { tone: 'off', title, reason: gapText(app.t(), gap) } : { tone: 'off', title }
      }
      case 'failed':
        return { tone: 'bad', title: app.text('play.failed'), reason: app.t().reason(now.reason) }
      case 'gap': {
        const { from, to, reason } = now.hole
        const known = props.known(Math.round(props.at / SECOND) * SECOND)
        const gap = reason === undefined ? gapOf(known) : { reason: { code: reason, values: {} } }
        const title = app.text('play.gap')
        if (from > 0 && to !== undefined) {
          const length = app.t().duration(to - from)
          const why = gap === undefined ? length : `${gapText(app.t(), gap)} · ${length}`
          return { tone: 'warn', title, reason: why }
        }
        return { tone: 'off', title: app.text('play.before') }
      }
    }
  })
  return (
    <Show when={said()}>
      {(notice) => (
        <div class="notice" classList={{ [notice().tone]: true, thin: notice().tone === 'busy' }}>
          <strong>{notice().title}</strong>
          <Show when={notice().reason}>{(reason) => <span>{reason()}</span>}</Show>
        </div>
      )}
    </Show>
  )
}
