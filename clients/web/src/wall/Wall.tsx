import { createEffect, createMemo, createSignal, For, on, onCleanup, onMount, Show, type JSX } from 'solid-js'
import { makeAddresses } from '../api/addresses'
import { makeEvents, type EventsOptions } from '../api/events'
import { listStreams, type StreamName } from '../api/streams'
import { fitGrid, moveFocus } from '../lib/grid'
import { actionOf, type Action } from '../lib/keys'
import type { CreatePlayerOptions } from '../player/createPlayer'
import { useApp } from '../ui/app'
import { createInView } from '../ui/createInView'
import { createSize } from '../ui/createSize'
import { createVisible } from '../ui/createVisible'
import { Header } from '../ui/Header'
import { Help } from '../ui/Help'
import { isLive } from './cameras'
import { createCameras } from './createCameras'
import { Snapshot } from './Snapshot'
import { TalkButton, type TalkButtonProps } from './TalkButton'
import { Tile } from './Tile'

/** Between tiles, in CSS pixels. */
const GAP = 6
/** In narrower tiles nobody makes anything out, CSS pixels. */
const LEAST_TILE = 130

/** What a test puts in the place of server and player. */
export interface WallProps {
  readonly events?: (options: EventsOptions) => { close(): void }
  readonly player?: CreatePlayerOptions['make']
  readonly talk?: TalkButtonProps['make']
}

/** The first screen: every camera that one may watch, live. */
export function Wall(props: WallProps): JSX.Element {
  const app = useApp()
  // Fixed for the life of the screen.
  // eslint-disable-next-line solid/reactivity
  const make = props.events ?? ((options) => makeEvents({ ...options, list: () => listStreams(app.client.send) }))
  const cameras = createCameras(make)
  const open = () => app.state().kind === 'open'
  const addresses = open() ? undefined : makeAddresses(app.client)
  const [focused, setFocused] = createSignal(0)
  const [enlarged, setEnlarged] = createSignal<string>()
  /** Of the enlarged camera, while its picture is there. */
  const [shown, setShown] = createSignal<StreamName>()
  const [details, setDetails] = createSignal(false)
  const [muted, setMuted] = createSignal(true)
  const [help, setHelp] = createSignal(false)
  const tiles = new Map<string, HTMLElement>()
  let area: HTMLDivElement | undefined
  const size = createSize(() => area)
  const grid = createMemo(() => fitGrid(cameras.ids().length, size().width, size().height, GAP, LEAST_TILE))
  const inView = createInView(() => grid().scrolls)
  const pageVisible = createVisible()
  const text = app.text

  // A server that comes back may be another one, and may know somebody else.
  createEffect(
    on(
      cameras.returns,
      () => {
        // The wall itself says when the server does not answer.
        app.session.start().catch(() => undefined)
      },
      { defer: true },
    ),
  )
  createEffect(() => {
    const ids = cameras.ids()
    const big = enlarged()
    if (big !== undefined && !ids.includes(big)) setEnlarged(undefined)
    if (focused() >= ids.length) setFocused(Math.max(0, ids.length - 1))
  })

  /** Another one is enlarged, or it is scrolled out of sight. */
  function isAway(id: string): boolean {
    const big = enlarged()
    return big === undefined ? !inView.has(id) : id !== big
  }

  const nameOf = (id: string) => cameras.all.find((camera) => camera.id === id)?.name ?? id

  function focus(index: number): void {
    const id = cameras.ids()[index]
    if (id === undefined) return
    setFocused(index)
    if (enlarged() !== undefined) setEnlarged(id)
    tiles.get(id)?.focus()
  }

  function toggle(id: string | undefined): void {
    setEnlarged((now) => (now === id ? undefined : id))
    setMuted(true)
  }

  function act(action: Action): void {
    switch (action.kind) {
      case 'move': {
        const columns = enlarged() === undefined ? grid().columns : 1
        focus(moveFocus(focused(), action.direction, cameras.ids().length, columns))
        return
      }
      case 'enlarge':
        toggle(cameras.ids()[focused()])
        return
      case 'back':
        setEnlarged(undefined)
        return
      case 'details':
        setDetails((are) => !are)
        return
      case 'help':
        setHelp(true)
        return
      case 'sound':
        if (enlarged() !== undefined) setMuted((value) => !value)
        return
      case 'language':
        app.choice.next()
        return
      case 'fullscreen':
        toggleFullscreen()
    }
  }

  function onKey(event: KeyboardEvent): void {
    if (help() || isForControl(event)) return
    const action = actionOf(event)
    if (action === undefined) return
    event.preventDefault()
    act(action)
  }
  onMount(() => {
    addEventListener('keydown', onKey)
    onCleanup(() => {
      removeEventListener('keydown', onKey)
    })
  })

  const summary = createMemo(() => {
    if (!cameras.listed()) return ''
    const live = cameras.all.filter(isLive).length
    return text('wall.count', { live, all: cameras.all.length })
  })

  return (
    <>
      <Header summary={summary()} open={open()} onHelp={() => setHelp(true)} />
      <Show when={cameras.connected() === false}>
        <p class="offline" role="alert">
          {text('wall.offline')}
        </p>
      </Show>
      <main class="area" aria-label={text('wall.label')}>
        <div class="scroller" classList={{ scrolls: grid().scrolls }} ref={area}>
          <div
            class="grid"
            classList={{ 'has-enlarged': enlarged() !== undefined }}
            style={{
              '--gap': `${grid().gap}px`,
              '--columns': grid().columns,
              '--tile-width': `${grid().width}px`,
              '--tile-height': `${grid().height}px`,
            }}
          >
            <For each={cameras.all}>
              {(camera, index) => (
                <Tile
                  camera={camera}
                  focused={index() === focused()}
                  enlarged={camera.id === enlarged()}
                  hidden={!pageVisible() || isAway(camera.id)}
                  details={details()}
                  muted={muted()}
                  pixels={grid().width * devicePixelRatio}
                  translator={app.t()}
                  returns={cameras.returns}
                  addresses={addresses}
                  make={props.player}
                  onFocus={() => setFocused(index())}
                  onEnlarge={() => {
                    setFocused(index())
                    toggle(camera.id)
                  }}
                  onShown={setShown}
                  ref={(element) => {
                    tiles.set(camera.id, element)
                    onCleanup(() => tiles.delete(camera.id))
                    inView.watch(camera.id, element)
                  }}
                />
              )}
            </For>
          </div>
        </div>
        <div class="actions">
          {/* In open mode nobody is known who could be written into the audit, and there are none. */}
          <Show when={open() ? undefined : shown()}>
            {(stream) => (
              <Show when={enlarged()} keyed>
                {(id) => <Snapshot camera={id} name={nameOf(id)} stream={stream()} />}
              </Show>
            )}
          </Show>
          <Show when={app.may('playback.view') ? enlarged() : undefined}>
            {(id) => (
              <a class="button" href={`/playback?cameras=${encodeURIComponent(id())}`} aria-label={text('tile.recordings', { name: nameOf(id()) })}>
                {text('nav.playback')}
              </a>
            )}
          </Show>
          <Show when={app.may('audio.talk') ? enlarged() : undefined} keyed>
            {(id) => <TalkButton camera={id} make={props.talk} />}
          </Show>
        </div>
        <Show when={cameras.all.length === 0}>
          <div class="empty">
            <Show when={cameras.listed()} fallback={<p>{text('wall.loading')}</p>}>
              <p>{text('wall.empty')}</p>
              <small>{text(open() ? 'wall.empty.hint' : 'wall.empty.rights')}</small>
            </Show>
          </div>
        </Show>
      </main>
      <Show when={help()}>
        <Help translator={app.t()} onClose={() => setHelp(false)} />
      </Show>
    </>
  )
}

/** A key pressed in the header works the control there, not the wall; one that presses a button or link does so anywhere. */
function isForControl(event: KeyboardEvent): boolean {
  const target = event.target
  if (!(target instanceof Element)) return false
  if (target.closest('header') !== null) return event.key !== '?' && event.key !== 'Escape'
  return target.closest('button, a') !== null && (event.key === 'Enter' || event.key === ' ')
}

function toggleFullscreen(): void {
  // A browser that allows no full screen leaves the page as it is.
  const whole = document.fullscreenElement === null
  const done = whole ? document.documentElement.requestFullscreen() : document.exitFullscreen()
  done.catch(() => undefined)
}
