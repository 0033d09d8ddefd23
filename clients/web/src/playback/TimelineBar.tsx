import { createEffect, createMemo, createSignal, onCleanup, onMount, Show, type JSX } from 'solid-js'
import type { Timeline } from '../api/recording'
import { pan, scaleOf, stretchAt, usAt, xOf, zoom, type View } from '../lib/timeline'
import { DAY, SECOND, type Zone } from '../lib/zone'
import { useApp } from '../ui/app'
import { createSize } from '../ui/createSize'
import { draw, leastHeight, momentText, rowAt, type Paint } from './draw'
import { gapText } from './gap'
import type { Range } from './range'
import { createPreview } from './createPreview'

export interface TimelineBarProps {
  readonly view: View
  readonly zone: Zone
  readonly rows: readonly (Timeline | undefined)[]
  readonly cameras: readonly { readonly id: string; readonly name: string }[]
  readonly position: number
  readonly now: number
  readonly range: Range | undefined
  onView(view: View): void
  onSeek(us: number): void
  onRange(range: Range): void
}

/** A press that moves less is a click. */
const CLICK = 4
const ZOOM_STEP = 1.25
const KEY_ZOOM = 2

const PAINTS: Readonly<Record<keyof Paint, string>> = {
  ground: '--surface',
  line: '--line',
  text: '--text',
  muted: '--muted',
  span: '--recorded',
  held: '--held',
  gap: '--gap',
  mark: '--warn',
  accent: '--accent',
  bad: '--bad',
}

/** All that was recorded, on one line of time. Works by pointer, by touch and by keys. */
export function TimelineBar(props: TimelineBarProps): JSX.Element {
  const app = useApp()
  const [hover, setHover] = createSignal<{ readonly x: number; readonly row: number }>()
  let box: HTMLDivElement | undefined
  let canvas: HTMLCanvasElement | undefined
  const size = createSize(() => box)
  const view = createMemo(() => ({ ...props.view, width: size().width }))

  createEffect(() => {
    const { width, height } = size()
    const target = canvas?.getContext('2d')
    if (canvas === undefined || !target || width === 0) return
    const dense = devicePixelRatio
    if (canvas.width !== Math.round(width * dense)) canvas.width = Math.round(width * dense)
    if (canvas.height !== Math.round(height * dense)) canvas.height = Math.round(height * dense)
    target.setTransform(dense, 0, 0, dense, 0, 0)
    draw(target, {
      view: view(),
      height,
      zone: props.zone,
      language: app.choice.language(),
      rows: props.rows,
      position: props.position,
      now: props.now,
      range: props.range,
      paint: paintOf(canvas),
    })
  })

  const [begin, move, end] = makeGestures({
    view,
    change: (next) => { props.onView(next) },
    click: (x) => { props.onSeek(usAt(view(), x)) },
  })

  function onWheel(event: WheelEvent): void {
    event.preventDefault()
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey
    const turned = event.deltaY === 0 ? event.deltaX : event.deltaY
    if (sideways) props.onView(pan(view(), event.deltaX === 0 ? event.deltaY : event.deltaX))
    else props.onView(zoom(view(), turned < 0 ? ZOOM_STEP : 1 / ZOOM_STEP, event.offsetX))
  }
  onMount(() => {
    // Solid listens passively, and the page must not scroll.
    canvas?.addEventListener('wheel', onWheel, { passive: false })
    onCleanup(() => canvas?.removeEventListener('wheel', onWheel))
  })

  function onKey(event: KeyboardEvent): void {
    const next = keyOf(event, view(), props.position, props.zone, props.now)
    if (next === undefined) return
    event.preventDefault()
    event.stopPropagation()
    if ('view' in next) props.onView(next.view)
    else props.onSeek(next.at)
  }

  const hovered = createMemo(() => {
    const at = hover()
    const camera = at === undefined ? undefined : props.cameras[at.row]
    if (at === undefined || camera === undefined) return undefined
    const us = usAt(view(), at.x)
    const row = props.rows[at.row]
    const near = 5 * scaleOf(view())
    return {
      x: at.x,
      us,
      camera,
      span: stretchAt(row?.spans ?? [], us),
      gap: stretchAt(row?.gaps ?? [], us),
      mark: row?.marks.find((mark) => mark.at_us - near <= us && us <= (mark.to_us ?? mark.at_us) + near),
    }
  })
  const preview = createPreview(() => {
    const at = hovered()
    if (at?.span === undefined) return undefined
    // A few pixels share a picture.
    const grid = Math.max(SECOND, Math.round((6 * scaleOf(view())) / SECOND) * SECOND)
    return { camera: at.camera.id, at: Math.max(at.span.from_us, Math.round(at.us / grid) * grid) }
  })

  return (
    <div class="timeline" ref={box} style={{ '--rows-height': `${leastHeight(props.rows.length)}px` }}>
      <canvas
        ref={canvas}
        role="slider"
        tabindex="0"
        aria-label={app.text('play.timeline')}
        aria-valuemin={Math.round(props.view.from / SECOND)}
        aria-valuemax={Math.round(props.view.to / SECOND)}
        aria-valuenow={Math.round(props.position / SECOND)}
        aria-valuetext={momentText(props.position, { ...view(), to: view().from + DAY }, props.zone, app.choice.language())}
        onKeyDown={onKey}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId)
          begin(event)
        }}
        onPointerMove={(event) => {
          move(event)
          const row = rowAt(event.offsetY, size().height, props.cameras.length) ?? 0
          setHover(event.pointerType === 'touch' || event.buttons !== 0 ? undefined : { x: event.offsetX, row })
        }}
        onPointerUp={end}
        onPointerCancel={end}
        onPointerLeave={() => { setHover(undefined); }}
      />
      <Show when={props.range}>
        {(range) => (
          <>
            <Handle {...props} view={view()} range={range()} edge="from_us" />
            <Handle {...props} view={view()} range={range()} edge="to_us" />
          </>
        )}
      </Show>
      <Show when={hovered()}>
        {(at) => (
          <div class="timeline-tip" style={{ left: `${Math.min(Math.max(at().x, 96), Math.max(96, size().width - 96))}px` }}>
            <Show when={at().span}>
              <div class="timeline-picture">
                <Show when={preview()}>{(address) => <img src={address()} alt="" />}</Show>
              </div>
            </Show>
            <strong>{momentText(at().us, view(), props.zone, app.choice.language())}</strong>
            <Show when={props.cameras.length > 1}>
              <span>{at().camera.name}</span>
            </Show>
            <Show when={at().gap}>{(gap) => <span class="gap-reason">{gapText(app.t(), gap())}</span>}</Show>
            <Show when={at().span?.held}>
              <span>{app.text('play.held')}</span>
            </Show>
            <Show when={at().span?.rebuilt}>
              <span>{app.text('play.rebuilt')}</span>
            </Show>
            <Show when={at().mark}>
              {(mark) => <span>{mark().text === '' ? app.text(`mark.${mark().kind}`) : `${app.text(`mark.${mark().kind}`)}: ${mark().text}`}</span>}
            </Show>
          </div>
        )}
      </Show>
    </div>
  )
}

function paintOf(element: Element): Paint {
  const style = getComputedStyle(element)
  return Object.fromEntries(Object.entries(PAINTS).map(([name, variable]) => [name, style.getPropertyValue(variable).trim()])) as unknown as Paint
}

type Meant = { readonly view: View } | { readonly at: number }

/** What a key does on the timeline; undefined leaves it to the page. */
export function keyOf(press: Pick<KeyboardEvent, 'key' | 'shiftKey' | 'ctrlKey' | 'altKey' | 'metaKey'>, view: View, position: number, zone: Zone, now: number): Meant | undefined {
  if (press.ctrlKey || press.altKey || press.metaKey) return undefined
  const step = Math.max(SECOND, scaleOf(view) * (press.shiftKey ? 100 : 10))
  const middle = Math.min(Math.max(xOf(view, position), 0), view.width)
  switch (press.key) {
    case 'ArrowLeft':
      return { at: Math.round(position - step) }
    case 'ArrowRight':
      return { at: Math.min(now, Math.round(position + step)) }
    case '+':
    case '=':
    case 'ArrowUp':
      return { view: zoom(view, KEY_ZOOM, middle) }
    case '-':
    case 'ArrowDown':
      return { view: zoom(view, 1 / KEY_ZOOM, middle) }
    case 'PageUp':
      return { at: zone.dayAfter(position, -1) + (position - zone.dayStart(position)) }
    case 'PageDown':
      return { at: Math.min(now, zone.dayAfter(position) + (position - zone.dayStart(position))) }
    case 'Home':
      return { at: zone.dayStart(position) }
    case 'End':
      return { at: Math.min(now, zone.dayAfter(position) - SECOND) }
    default:
      return undefined
  }
}

interface Gestures {
  readonly view: () => View
  readonly change: (view: View) => void
  readonly click: (x: number) => void
}

type Pointer = Pick<PointerEvent, 'pointerId' | 'offsetX'>

/** One finger or the mouse moves the time, two fingers zoom it. */
export function makeGestures({ view, change, click }: Gestures): readonly [(event: Pointer) => void, (event: Pointer) => void, (event: Pointer) => void] {
  const down = new Map<number, number>()
  let moved = 0

  function move(event: Pointer): void {
    const before = down.get(event.pointerId)
    if (before === undefined) return
    const other = [...down].find(([id]) => id !== event.pointerId)?.[1]
    down.set(event.pointerId, event.offsetX)
    moved += Math.abs(event.offsetX - before)
    if (moved < CLICK) return
    if (other === undefined) {
      change(pan(view(), before - event.offsetX))
      return
    }
    const apart = Math.max(8, Math.abs(event.offsetX - other))
    change(zoom(view(), apart / Math.max(8, Math.abs(before - other)), (event.offsetX + other) / 2))
  }
  return [
    (event) => {
      if (down.size === 0) moved = 0
      else moved = CLICK
      down.set(event.pointerId, event.offsetX)
    },
    move,
    (event) => {
      if (down.delete(event.pointerId) && moved < CLICK) click(event.offsetX)
    },
  ]
}

interface HandleProps extends TimelineBarProps {
  readonly range: Range
  readonly edge: 'from_us' | 'to_us'
}

/** One end of what is chosen, moved by pointer or arrow keys. */
function Handle(props: HandleProps): JSX.Element {
  const app = useApp()
  const at = () => props.range[props.edge]
  let grabbed = false
  function set(us: number): void {
    const { from_us, to_us } = props.range
    const least = SECOND
    if (props.edge === 'from_us') props.onRange({ from_us: Math.min(us, to_us - least), to_us })
    else props.onRange({ from_us, to_us: Math.max(us, from_us + least) })
  }
  return (
    <div
      class="range-handle"
      classList={{ last: props.edge === 'to_us' }}
      role="slider"
      tabindex="0"
      hidden={at() < props.view.from || at() > props.view.to}
      style={{ left: `${xOf(props.view, at())}px` }}
      aria-label={app.text(props.edge === 'from_us' ? 'play.range.from' : 'play.range.to')}
      aria-valuenow={Math.round(at() / SECOND)}
      aria-valuemin={Math.round(props.view.from / SECOND)}
      aria-valuemax={Math.round(props.view.to / SECOND)}
      aria-valuetext={momentText(at(), { ...props.view, to: props.view.from + DAY }, props.zone, app.choice.language())}
      onPointerDown={(event) => {
        grabbed = true
        event.currentTarget.setPointerCapture(event.pointerId)
      }}
      onPointerMove={(event) => {
        const parent = event.currentTarget.parentElement
        if (grabbed && parent !== null) set(usAt(props.view, event.clientX - parent.getBoundingClientRect().left))
      }}
      onPointerUp={() => (grabbed = false)}
      onPointerCancel={() => (grabbed = false)}
      onKeyDown={(event) => {
        const by = event.key === 'ArrowLeft' ? -1 : event.key === 'ArrowRight' ? 1 : 0
        if (by === 0) return
        event.preventDefault()
        event.stopPropagation()
        set(at() + by * Math.max(SECOND, Math.round((scaleOf(props.view) * (event.shiftKey ? 50 : 5)) / SECOND) * SECOND))
      }}
    />
  )
}
