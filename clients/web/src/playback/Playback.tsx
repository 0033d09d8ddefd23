import { createEffect, createMemo, createSignal, onCleanup, onMount, Show, untrack, type JSX } from 'solid-js'
import type { CameraItem } from '../api/cameras'
import { recording } from '../api/recording'
import { mayIn, mayWith } from '../api/rights'
import { around, showing, spanOf, type View } from '../lib/timeline'
import { HOUR, isTwice, MINUTE, SECOND } from '../lib/zone'
import { WHOLE, zoomPicture, ZOOM_STEP } from '../lib/zoomed'
import { nextSpeed } from '../player/clock'
import type { Playback as Player, PlaybackOptions, PlaybackState } from '../player/playback'
import { useApp } from '../ui/app'
import { createData } from '../ui/createData'
import { ExportList } from '../ui/ExportList'
import { Refusal } from '../ui/Form'
import { Header } from '../ui/Header'
import { savePicture } from '../ui/savePicture'
import { placeOf, playbackAddress } from './address'
import { Bookmarks } from './Bookmarks'
import { CameraChoice, MOST_TILES } from './CameraChoice'
import { Controls } from './Controls'
import { createDesk } from './createDesk'
import { createRecorded } from './createRecorded'
import { createStage } from './createStage'
import { makeTokens } from './createTokens'
import { HelpDialog } from './HelpDialog'
import { actOf, type Act } from './keys'
import { Nearest } from './Nearest'
import { Pictures } from './Pictures'
import './playback.css'
import type { Range } from './range'
import { findGoal, type Goal } from './search'
import { gapText } from './gap'
import { StillDialog } from './StillDialog'
import { BookmarkDialog, ExportDialog, HoldDialog } from './TakeAway'
import { TimelineBar } from './TimelineBar'
import { Tools, type Listing, type Opening } from './Tools'
import { VerifyDialog } from './VerifyDialog'

/** Where one begins when no time is named. */
const BEFORE_NOW = 30 * SECOND
const FIRST_SPAN = 2 * HOUR
const FIRST_RANGE = MINUTE
/** How long it is told what was done. */
const TOLD_MS = 8000

type Open = Opening | 'verify' | undefined

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
  const stage = createStage(first.cameras.slice(0, MOST_TILES))
  const { chosen, focused } = stage
  const [view, setView] = createSignal<View>(around(start, FIRST_SPAN, innerWidth))
  const [range, setRange] = createSignal<Range>()
  const [open, setOpen] = createSignal<Open>(first.cameras.length === 0 ? 'cameras' : undefined)
  const [listed, setListed] = createSignal<Listing>()
  const [muted, setMuted] = createSignal(true)
  const [done, setDone] = createSignal('')
  const [failed, setFailed] = createSignal<unknown>()
  const [exports, setExports] = createSignal<{ readonly count: number; readonly kind: 'exports' | 'clips' }>({ count: 0, kind: 'exports' })
  const [marked, setMarked] = createSignal(0)
  const [dropped, setDropped] = createSignal('')
  const [states, setStates] = createSignal<ReadonlyMap<string, PlaybackState>>(new Map())
  // eslint-disable-next-line solid/reactivity -- fixed for the life of the screen
  const desk = createDesk(start, props.turns)
  const recorded = createRecorded(chosen, view, () => stage.places() > 1)
  const tokens = makeTokens(app)

  const cameras = createMemo(() => new Map(all.value()?.map((camera) => [camera.id, camera])))
  const names = createMemo(() => new Map(all.value()?.map(({ id, name }) => [id, name])))
  const tiles = createMemo(() => chosen().map((id) => ({ id, name: names().get(id) ?? id })))
  const focusedTile = createMemo(() => tiles().find(({ id }) => id === focused()))
  const format = createMemo(() => new Intl.DateTimeFormat(app.choice.language(), { timeZone: recorded.zone().name, dateStyle: 'short', timeStyle: 'medium' }))
  const timeText = () => format().format(desk.position() / 1000)
  const zoneText = () => {
    const { name } = recorded.zone()
    return name === Intl.DateTimeFormat().resolvedOptions().timeZone && !isTwice(desk.position(), recorded.zone()) ? '' : offsetText(desk.position(), name)
  }
  /** Those of the chosen cameras with which he may do it. */
  const allowed = (name: string) =>
    tiles().filter(({ id }) => {
      const camera = cameras().get(id)
      return camera !== undefined && mayWith(app.me(), name, camera)
    })
  const rights = createMemo(() => ({
    take: allowed('clip.export').length > 0,
    hold: allowed('recording.hold').length > 0,
    manage: allowed('camera.manage').some(({ id }) => id === focused()),
  }))
  /** A case takes pictures of its own city's cameras, from who may look at their recordings. */
  const mayKeepPicture = () => caseCity() !== undefined && allowed('playback.view').some(({ id }) => id === focused())
  /** Whose cases he may work on. */
  const caseCity = () => {
    const city = cameras().get(focused())?.city
    return city !== undefined && mayIn(app.me(), 'recording.hold', city) ? city : undefined
  }
  /** Where the large picture was not recorded, the small one is what is seen. */
  const seenStream = () => (recorded.known(focused(), desk.position())?.kind === 'gap' ? 'sub' : 'main')
  const focusedState = () => states().get(focused())?.kind
  const missing = createMemo(() => {
    const kind = focusedState()
    return !desk.wanted() && focusedTile() !== undefined && (kind === 'gap' || kind === 'end') ? { at: desk.position() } : undefined
  }, undefined, { equals: (one, other) => one?.at === other?.at })

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

  // What was done is told for a while.
  createEffect(() => {
    if (done() === '') return
    const timer = setTimeout(() => setDone(''), TOLD_MS)
    onCleanup(() => {
      clearTimeout(timer)
    })
  })

  function reasonOf(us: number): string {
    const known = recorded.known(focused(), us)
    return known?.kind === 'gap' ? ` · ${gapText(app.t(), known.gap)}` : ''
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
  /** What is taken is what is chosen, or else what is around the moment. */
  function show(what: Opening): void {
    if ((what === 'export' || what === 'hold') && range() === undefined) toggleRange()
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
  /** Tells of it if it is refused. */
  function attempt(work: Promise<void>): void {
    setFailed(undefined)
    setDone('')
    work.catch((error: unknown) => setFailed(() => error))
  }
  async function find(goal: Goal, forward: boolean): Promise<void> {
    if (focusedTile() === undefined) return
    const found = await findGoal(recorded.ask(focused()), goal, desk.position(), forward, recorded.now())
    if (found === undefined) setDone(text(forward ? 'play.go.none.next' : 'play.go.none.before', { what: text(`goal.${goal}`) }))
    else seek(found)
  }
  async function keepFrame(): Promise<void> {
    const tile = focusedTile()
    if (tile !== undefined) setDone(text('play.snapshot.done', { name: await savePicture(app.client, recording.frame(tile.id, desk.position()), tile.name, desk.position()) }))
  }
  function step(forward: boolean): void {
    attempt(desk.step(focused(), forward))
  }
  function go(goal: Goal, forward: boolean): void {
    attempt(find(goal, forward))
  }
  function snapshot(): void {
    attempt(keepFrame())
  }
  function zoom(factor: number): void {
    const id = focused()
    stage.zoom(id, factor === 0 ? WHOLE : zoomPicture(stage.zoomed(id), factor))
  }
  /** Plays this way; what plays this way already plays faster. */
  function shuttle(back: boolean): void {
    const same = desk.wanted() && desk.rate() < 0 === back
    desk.setRate(same ? nextSpeed(desk.rate(), true) : back ? -1 : 1)
    desk.want(true)
  }

  function onKey(event: KeyboardEvent): void {
    const target = event.target
    // The browser tells of a dialog's end, and moves the focus out of it, only after it is gone.
    const busy = document.querySelector('dialog[open]') !== null || event.defaultPrevented
    if (busy || (target instanceof Element && target.closest('input, select, textarea, dialog[open], header') !== null)) return
    const act = actOf(event)
    if (act === undefined) return
    // A button that has the focus keeps the keys that press it.
    const pressed = act.kind === 'enlarge' || event.key === ' '
    if (pressed && target instanceof Element && target.closest('button, a') !== null) return
    event.preventDefault()
    perform(act)
  }
  function perform(act: Act): void {
    switch (act.kind) {
      case 'toggle':
        desk.want(!desk.wanted())
        break
      case 'shuttle_back':
      case 'shuttle_on':
        shuttle(act.kind === 'shuttle_back')
        break
      case 'faster':
      case 'slower':
        desk.setRate(nextSpeed(desk.rate(), act.kind === 'faster'))
        break
      case 'step':
        step(act.forward)
        break
      case 'skip':
        seek(desk.position() + act.seconds * SECOND)
        break
      case 'go':
        go(act.goal, act.forward)
        break
      case 'layout':
        stage.setLayout(act.layout)
        break
      case 'page':
        stage.turn(act.by)
        break
      case 'zoom':
        zoom(act.larger ? ZOOM_STEP : 1 / ZOOM_STEP)
        break
      case 'whole':
        zoom(0)
        break
      case 'back':
        if (stage.zoomed(focused()).scale > 1) zoom(0)
        else stage.leave()
        break
      case 'enlarge':
        stage.enlarge(focused())
        break
      case 'sound':
        setMuted((now) => !now)
        break
      case 'bookmark':
        if (focusedTile() !== undefined) setOpen('bookmark')
        break
      case 'snapshot':
        if (rights().take && focusedState() === 'showing') snapshot()
        break
      case 'range_from':
        setRange((now) => ({ from_us: desk.position(), to_us: Math.max(now?.to_us ?? 0, desk.position() + SECOND) }))
        break
      case 'range_to':
        setRange((now) => ({ from_us: Math.min(now?.from_us ?? Infinity, desk.position() - SECOND), to_us: desk.position() }))
        break
      case 'help':
        setOpen('help')
        break
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
      <Header onHelp={() => setOpen('help')} />
      <main class="playback-main">
        <h1 class="unseen">{text('play.title')}</h1>
        <Refusal error={all.error() ?? recorded.error() ?? failed()} />
        <Show when={done() !== ''}>
          <p class="done" role="status">
            {done()}
          </p>
        </Show>
        <Pictures
          stage={stage}
          desk={desk}
          recorded={recorded}
          names={names()}
          muted={muted()}
          token={tokens}
          make={props.make}
          onState={(camera, state) => setStates((now) => new Map(now).set(camera, state))}
          onChoose={() => setOpen('cameras')}
        />
        <Show when={desk.jumped()}>
          {(jump) => (
            <p class="jumped" role="status">
              {text('play.jumped', { length: app.t().duration(Math.abs(jump().to - jump().from)) })}
              {reasonOf(Math.round((jump().from + jump().to) / 2))}
            </p>
          )}
        </Show>
        <Show when={missing()}>
          {(now) => (
            <Nearest name={focusedTile()?.name ?? ''} at={now().at} zone={recorded.zone()} find={(us) => recorded.nearest(focused(), us)} onSeek={seek} />
          )}
        </Show>
        <div class="playback-bar">
          <Controls
            desk={desk}
            time={timeText()}
            zone={zoneText()}
            muted={muted()}
            onStep={step}
            onSkip={(seconds) => { seek(desk.position() + seconds * SECOND) }}
            onMuted={setMuted}
          />
          <Tools
            stage={stage}
            rights={rights()}
            position={desk.position()}
            zone={recorded.zone()}
            focused={focusedTile()}
            hasPicture={focusedState() === 'showing'}
            mayKeepPicture={mayKeepPicture()}
            hasRange={range() !== undefined}
            listed={listed()}
            onOpen={show}
            onList={(what) => setListed((now) => (now === what ? undefined : what))}
            onVisit={visit}
            onNow={() => { visit(recorded.now() - BEFORE_NOW) }}
            onGo={go}
            onRange={toggleRange}
            onSnapshot={snapshot}
            onWhole={() => { zoom(0) }}
            onError={(error) => { setFailed(() => error) }}
          />
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
        <Show when={listed() === 'exports'}>
          <ExportList changes={exports().count} first={exports().kind} names={names()} />
        </Show>
        <Show when={listed() === 'bookmarks' && focusedTile()} keyed>
          {(tile) => (
            <Bookmarks camera={tile.id} name={tile.name} zone={recorded.zone()} changes={marked()} onSeek={visit} onChange={recorded.reload} />
          )}
        </Show>
      </main>
      <Show when={open() === 'cameras'}>
        <CameraChoice all={all.value() ?? []} chosen={chosen()} onChange={(next) => { stage.choose(next) }} onClose={close} />
      </Show>
      <Show when={open() === 'help'}>
        <HelpDialog onClose={close} />
      </Show>
      <Show when={open() === 'export' && range()}>
        {(chosenRange) => (
          <ExportDialog
            cameras={allowed('clip.export')}
            range={chosenRange()}
            zone={recorded.zone()}
            city={caseCity()}
            onRange={setRange}
            onClose={close}
            onDone={(kind) => {
              setListed('exports')
              setExports(({ count }) => ({ count: count + 1, kind }))
              finish(text('export.done'))
            }}
          />
        )}
      </Show>
      <Show when={open() === 'hold' && range()}>
        {(chosenRange) => (
          <HoldDialog
            cameras={allowed('recording.hold')}
            range={chosenRange()}
            zone={recorded.zone()}
            city={caseCity()}
            onRange={setRange}
            onClose={close}
            onDone={() => { finish(text('hold.done')) }}
          />
        )}
      </Show>
      <Show when={open() === 'bookmark' && focusedTile()} keyed>
        {(tile) => (
          <BookmarkDialog
            camera={tile}
            at={untrack(desk.position)}
            time={untrack(timeText)}
            onClose={close}
            onDone={() => {
              setMarked((count) => count + 1)
              finish(text('bookmark.done'))
            }}
          />
        )}
      </Show>
      <Show when={open() === 'still' && focusedTile()} keyed>
        {(tile) => (
          <StillDialog
            camera={tile}
            at={untrack(desk.position)}
            stream={untrack(seenStream)}
            city={caseCity()}
            time={(us) => format().format(us / 1000)}
            onClose={close}
            onDone={(us) => { finish(text('still.done', { time: format().format(us / 1000) })) }}
          />
        )}
      </Show>
      <Show when={open() === 'verify'}>
        <VerifyDialog file={dropped()} onClose={close} />
      </Show>
    </div>
  )
}

/** How far a clock is from UTC at a moment: `GMT-3`. */
function offsetText(us: number, timeZone: string): string {
  const parts = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'shortOffset' }).formatToParts(us / 1000)
  return parts.find(({ type }) => type === 'timeZoneName')?.value ?? ''
}
