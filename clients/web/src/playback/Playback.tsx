import { createEffect, createMemo, createSignal, For, onCleanup, onMount, Show, untrack, type JSX } from 'solid-js'
import type { CameraItem } from '../api/cameras'
import { fitGrid } from '../lib/grid'
import { around, showing, spanOf, type View } from '../lib/timeline'
import { HOUR, MINUTE, SECOND } from '../lib/zone'
import type { Playback as Player, PlaybackOptions } from '../player/playback'
import { useApp } from '../ui/app'
import { createData } from '../ui/createData'
import { createSize } from '../ui/createSize'
import { Refusal } from '../ui/Form'
import { Header } from '../ui/Header'
import { placeOf, playbackAddress } from './address'
import { Calendar } from './Calendar'
import { CameraChoice, MOST_TILES } from './CameraChoice'
import { Controls } from './Controls'
import { createDesk } from './createDesk'
import { createRecorded } from './createRecorded'
import { makeTokens } from './createTokens'
import { ExportList } from './ExportList'
import { ManualButton } from './ManualButton'
import { PlaybackTile } from './PlaybackTile'
import './playback.css'
import type { Range } from './range'
import { BookmarkDialog, ExportDialog, HoldDialog } from './TakeAway'
import { TimelineBar } from './TimelineBar'
import { VerifyDialog, VERIFIER } from './VerifyDialog'

/** Between tiles, in CSS pixels. */
const GAP = 6
/** Where one begins when no time is named. */
const BEFORE_NOW = 30 * SECOND
const FIRST_SPAN = 2 * HOUR
const FIRST_RANGE = MINUTE

type Open = 'cameras' | 'export' | 'hold' | 'bookmark' | 'verify' | undefined

export interface PlaybackProps {
  /** What a test puts in the place of the player, and of the frames of the screen. */
  readonly make?: (options: PlaybackOptions) => Player
  readonly turns?: (turn: () => void) => () => void
}

/** Recorded video of up to sixteen cameras, on one clock and one line of time. */
export function Playback(props: PlaybackProps): JSX.Element {
  const app = useApp()
  return (
    <Show
      when={app.may('playback.view')}
      fallback={
        <>
          <Header />
          <main class="page">
            <p class="nothing">{app.text('play.forbidden')}</p>
          </main>
        </>
      }
    >
      <Screen {...props} />
    </Show>
  )
}

function Screen(props: PlaybackProps): JSX.Element {
  const app = useApp()
  const text = app.text
  const first = placeOf(app.router.query())
  const start = first.at ?? Date.now() * 1000 - BEFORE_NOW
  const all = createData(
    () => undefined,
    () => app.client.all<CameraItem>('/cameras'),
  )
  const [chosen, setChosen] = createSignal<readonly string[]>(first.cameras.slice(0, MOST_TILES))
  const [focused, setFocused] = createSignal(first.cameras[0] ?? '')
  const [enlarged, setEnlarged] = createSignal<string>()
  const [view, setView] = createSignal<View>(around(start, FIRST_SPAN, innerWidth))
  const [range, setRange] = createSignal<Range>()
  const [open, setOpen] = createSignal<Open>(first.cameras.length === 0 ? 'cameras' : undefined)
  const [muted, setMuted] = createSignal(true)
  const [done, setDone] = createSignal('')
  const [failed, setFailed] = createSignal<unknown>()
  const [exports, setExports] = createSignal(0)
  const [listed, setListed] = createSignal(false)
  const [dropped, setDropped] = createSignal('')
  // eslint-disable-next-line solid/reactivity -- fixed for the life of the screen
  const desk = createDesk(start, props.turns)
  const recorded = createRecorded(chosen, view)
  const tokens = makeTokens(app)
  let area: HTMLElement | undefined
  const size = createSize(() => area)

  const names = createMemo(() => new Map(all.value()?.map((camera) => [camera.id, camera])))
  const tiles = createMemo(() => chosen().map((id) => ({ id, name: names().get(id)?.name ?? id })))
  const shown = createMemo(() => {
    const big = enlarged()
    return big === undefined ? chosen() : chosen().filter((id) => id === big)
  })
  const grid = createMemo(() => fitGrid(shown().length, size().width, size().height, GAP))
  const focusedTile = () => tiles().find(({ id }) => id === focused()) ?? tiles()[0]
  const timeText = () =>
    new Intl.DateTimeFormat(app.choice.language(), { timeZone: recorded.zone().name, dateStyle: 'short', timeStyle: 'medium' }).format(desk.position() / 1000)
  const mayExport = () => app.may('clip.export')
  const mayHold = () => app.may('recording.hold')
  const mayManage = () => app.may('camera.manage')

  // The address names what is looked at, so that it can be passed on.
  createEffect(() => {
    const still = !desk.wanted()
    const at = still ? desk.position() : untrack(desk.position)
    if (chosen().length > 0) app.router.go(playbackAddress(chosen(), at), true)
  })
  // What plays stays in view.
  let before = start
  createEffect(() => {
    const at = desk.position()
    const now = untrack(view)
    if (before >= now.from && before <= now.to && at !== before) setView(showing(now, at))
    before = at
  })
  createEffect(() => {
    if (enlarged() !== undefined && !chosen().includes(enlarged() ?? '')) setEnlarged(undefined)
  })

  function reasonOf(us: number): string {
    const known = recorded.known(focusedTile()?.id ?? '', us)
    return known?.kind === 'gap' ? ` · ${app.t().gap({ code: known.code, values: {} })}` : ''
  }
  function seek(us: number): void {
    const at = Math.min(Math.round(us), recorded.now())
    desk.seek(at)
    setView((now) => showing(now, at))
  }
  function visit(us: number): void {
    desk.seek(us)
    setView(around(us, spanOf(view()), view().width))
  }
  function toggleRange(): void {
    const at = desk.position()
    setRange((now) => (now === undefined ? { from_us: at, to_us: at + FIRST_RANGE } : undefined))
  }
  /** Takes what is chosen, or else what is around the moment. */
  function withRange(what: Open): void {
    if (range() === undefined) toggleRange()
    setOpen(what)
  }
  function close(): void {
    setOpen(undefined)
  }
  function finish(what: string): void {
    setOpen(undefined)
    setDone(what)
    recorded.reload()
  }
  function verify(file: File): void {
    setDropped(file.name)
    setOpen('verify')
  }

  function onKey(event: KeyboardEvent): void {
    const target = event.target
    const busy = open() !== undefined || event.ctrlKey || event.altKey || event.metaKey
    if (busy || (target instanceof Element && target.closest('input, select, textarea, dialog, header') !== null)) return
    if (event.key === ' ' && target instanceof Element && target.closest('button') !== null) return
    const act = keys[event.key]
    if (act === undefined) return
    event.preventDefault()
    act()
  }
  const keys: Readonly<Record<string, () => void>> = {
    ' ': () => { desk.want(!desk.wanted()) },
    k: () => { desk.want(!desk.wanted()) },
    j: () => { seek(desk.position() - 10 * SECOND) },
    l: () => { seek(desk.position() + 10 * SECOND) },
    ',': () => void step(false),
    '.': () => void step(true),
    '[': () => { setRange((now) => ({ from_us: desk.position(), to_us: Math.max(now?.to_us ?? 0, desk.position() + SECOND) })) },
    ']': () => { setRange((now) => ({ from_us: Math.min(now?.from_us ?? Infinity, desk.position() - SECOND), to_us: desk.position() })) },
  }
  async function step(forward: boolean): Promise<void> {
    setFailed(undefined)
    try {
      await desk.step(focusedTile()?.id ?? '', forward)
    } catch (error) {
      setFailed(() => error)
    }
  }
  onMount(() => {
    addEventListener('keydown', onKey)
    onCleanup(() => {
      removeEventListener('keydown', onKey)
    })
  })

  return (
    <div
      class="playback"
      onDragOver={(event) => {
        if (event.dataTransfer?.types.includes('Files') === true) event.preventDefault()
      }}
      onDrop={(event) => {
        const file = event.dataTransfer?.files[0]
        if (file === undefined) return
        event.preventDefault()
        verify(file)
      }}
    >
      <Header />
      <main class="playback-main">
        <h1 class="unseen">{text('play.title')}</h1>
        <Refusal error={all.error() ?? recorded.error() ?? failed()} />
        <Show when={done() !== ''}>
          <p class="done" role="status">
            {done()}
          </p>
        </Show>
        <section class="area" ref={area} aria-label={text('play.pictures')}>
          <div class="grid" style={{ '--gap': `${grid().gap}px`, '--columns': grid().columns, '--tile-width': `${grid().width}px`, '--tile-height': `${grid().height}px` }}>
            <For each={shown()}>
              {(id) => (
                <PlaybackTile
                  id={id}
                  name={names().get(id)?.name ?? id}
                  desk={desk}
                  small={shown().length > 1}
                  focused={focusedTile()?.id === id}
                  muted={muted()}
                  token={(stream) => tokens(id, stream)}
                  known={(us) => recorded.known(id, us)}
                  make={props.make}
                  onFocus={() => setFocused(id)}
                  onEnlarge={() => setEnlarged((now) => (now === id ? undefined : id))}
                />
              )}
            </For>
          </div>
          <Show when={chosen().length === 0}>
            <div class="empty">
              <p>{text('play.choose')}</p>
            </div>
          </Show>
        </section>
        <Show when={desk.jumped()}>
          {(jump) => (
            <p class="jumped" role="status">
              {text('play.jumped', { length: app.t().duration(Math.abs(jump().to - jump().from)) })}
              {reasonOf(Math.round((jump().from + jump().to) / 2))}
            </p>
          )}
        </Show>
        <div class="playback-bar">
          <Controls
            desk={desk}
            time={timeText()}
            muted={muted()}
            onStep={(forward) => void step(forward)}
            onSkip={(seconds) => { seek(desk.position() + seconds * SECOND) }}
            onMuted={setMuted}
          />
          <div class="buttons">
            <button type="button" class="button" onClick={() => setOpen('cameras')}>
              {text('play.cameras.open', { count: chosen().length })}
            </button>
            <Show when={shown().length === 1 && chosen().length > 1}>
              <button type="button" class="button" onClick={() => { setEnlarged(undefined); }}>
                {text('play.all')}
              </button>
            </Show>
            <Calendar cameras={chosen()} position={desk.position()} zone={recorded.zone()} onChoose={visit} />
            <button type="button" class="button" onClick={() => { visit(recorded.now() - BEFORE_NOW) }}>
              {text('play.now')}
            </button>
            <button type="button" class="button" aria-pressed={range() !== undefined} onClick={toggleRange}>
              {text('play.range')}
            </button>
            <Show when={mayExport()}>
              <button type="button" class="button primary" disabled={chosen().length === 0} onClick={() => { withRange('export') }}>
                {text('export.open')}
              </button>
            </Show>
            <button type="button" class="button" disabled={chosen().length === 0} onClick={() => setOpen('bookmark')}>
              {text('bookmark.open')}
            </button>
            <Show when={mayHold()}>
              <button type="button" class="button" disabled={chosen().length === 0} onClick={() => { withRange('hold') }}>
                {text('hold.open')}
              </button>
            </Show>
            <Show when={mayManage() && focusedTile()} keyed>
              {(tile) => <ManualButton camera={tile.id} onError={(error) => { setFailed(() => error) }} />}
            </Show>
            <Show when={mayExport()}>
              <button type="button" class="button" aria-expanded={listed()} onClick={() => setListed((now) => !now)}>
                {text('export.list')}
              </button>
            </Show>
            <a class="button" href={VERIFIER} download="verify.html">
              {text('play.verify')}
            </a>
          </div>
        </div>
        <TimelineBar
          view={view()}
          zone={recorded.zone()}
          rows={chosen().map(recorded.of)}
          cameras={tiles()}
          position={desk.position()}
          now={recorded.now()}
          range={range()}
          onView={setView}
          onSeek={seek}
          onRange={setRange}
        />
        <Show when={listed()}>
          <ExportList changes={exports()} />
        </Show>
      </main>
      <Show when={open() === 'cameras'}>
        <CameraChoice all={all.value() ?? []} chosen={chosen()} onChange={setChosen} onClose={close} />
      </Show>
      <Show when={open() === 'export' && range()}>
        {(chosenRange) => (
          <ExportDialog
            cameras={tiles()}
            range={chosenRange()}
            zone={recorded.zone()}
            onRange={setRange}
            onClose={close}
            onDone={() => {
              setListed(true)
              setExports((count) => count + 1)
              finish(text('export.done'))
            }}
          />
        )}
      </Show>
      <Show when={open() === 'hold' && range()}>
        {(chosenRange) => (
          <HoldDialog
            cameras={tiles()}
            range={chosenRange()}
            zone={recorded.zone()}
            city={names().get(focusedTile()?.id ?? '')?.city ?? ''}
            onRange={setRange}
            onClose={close}
            onDone={() => { finish(text('hold.done')) }}
          />
        )}
      </Show>
      <Show when={open() === 'bookmark' && focusedTile()} keyed>
        {(tile) => (
          <BookmarkDialog camera={tile} at={untrack(desk.position)} time={untrack(timeText)} onClose={close} onDone={() => { finish(text('bookmark.done')) }} />
        )}
      </Show>
      <Show when={open() === 'verify'}>
        <VerifyDialog file={dropped()} onClose={close} />
      </Show>
    </div>
  )
}
