import { createEffect, createMemo, createSignal, Show, type Accessor, type JSX } from 'solid-js'
import type { Addresses } from '../api/addresses'
import type { StreamName } from '../api/streams'
import type { CreatePlayerOptions } from '../player/createPlayer'
import { hasSound } from '../player/media'
import { IDLE } from '../player/player'
import type { PlayerStats } from '../player/stats'
import type { Translator } from '../i18n/translate'
import { asShown, chooseStream, type Camera } from './cameras'
import { Details } from './Details'
import { isVisible, noticeOf, type Notice } from './notice'
import { Picture } from './Picture'

export interface TileProps {
  readonly camera: Camera
  readonly focused: boolean
  readonly enlarged: boolean
  /** Nobody sees it: another one is enlarged, it is scrolled away, or the page is hidden. */
  readonly hidden: boolean
  readonly details: boolean
  readonly muted: boolean
  /** Width of the tile in the grid, in device pixels. */
  readonly pixels: number
  readonly translator: Translator
  readonly returns: Accessor<number>
  readonly addresses: Addresses | undefined
  readonly make?: CreatePlayerOptions['make']
  onFocus(): void
  onEnlarge(): void
  /** Which stream is seen while it is enlarged; undefined while none is. */
  onShown(stream: StreamName | undefined): void
  ref(element: HTMLElement): void
}

/** One camera: its picture, or why there is none. Enlarged, the main stream takes over once it plays. */
export function Tile(props: TileProps): JSX.Element {
  const [small, setSmall] = createSignal(IDLE)
  const [large, setLarge] = createSignal(IDLE)
  const [smallStats, setSmallStats] = createSignal<PlayerStats>()
  const [largeStats, setLargeStats] = createSignal<PlayerStats>()
  const stream = createMemo<StreamName>((now) => chooseStream(props.camera, props.pixels, now), 'sub')
  const main = () => props.camera.streams.main
  // Also where the tile shows the main stream already: only the enlarged one has sound.
  const wantsMain = createMemo(() => props.enlarged && main() !== undefined)
  const onMain = createMemo(() => wantsMain() && isVisible(main(), large()))
  /** The picture below; the same stream is not decoded twice. */
  const below = createMemo(() => (onMain() && stream() === 'main' ? undefined : stream()))
  const sounds = () => onMain() && hasSound(large().media)

  const notice = createMemo(() =>
    onMain() ? null : noticeOf(props.camera.streams[stream()], small(), props.translator),
  )
  const mainMissing = createMemo(() => {
    if (!wantsMain() || stream() === 'main' || notice() !== null) return undefined
    const why = noticeOf(main(), large(), props.translator)
    return why?.reason ?? undefined
  })
  const shownStream = () => (onMain() ? 'main' : stream())
  const onBackup = () => props.camera.streams[shownStream()]?.backup === true
  const transcode = () => props.camera.streams[shownStream()]?.transcode ?? undefined
  const stats = () => asShown(onMain() ? largeStats() : smallStats(), shownStream(), props.camera)
  createEffect(() => {
    if (props.enlarged) props.onShown(notice() === null ? shownStream() : undefined)
  })
  const isNarrow = () => notice() === null && stats()?.chosen?.reason === 'path'

  return (
    <div
      class="tile"
      classList={{ enlarged: props.enlarged }}
      role="button"
      tabindex={props.focused ? 0 : -1}
      aria-label={props.translator.text('tile.enlarge', { name: props.camera.name })}
      aria-pressed={props.enlarged}
      data-camera={props.camera.id}
      ref={(element) => {
        props.ref(element)
      }}
      onFocus={() => {
        props.onFocus()
      }}
      onClick={() => {
        props.onEnlarge()
      }}
    >
      <Show when={below()} keyed>
        {(name) => (
          <Picture
            camera={props.camera.id}
            stream={name}
            status={props.camera.streams[name]}
            audio={false}
            muted
            visible={!props.hidden}
            returns={props.returns}
            addresses={props.addresses}
            make={props.make}
            onState={setSmall}
            onStats={setSmallStats}
          />
        )}
      </Show>
      <Show when={wantsMain()}>
        <Picture
          camera={props.camera.id}
          stream="main"
          status={main()}
          audio
          muted={props.muted}
          visible={!props.hidden}
          returns={props.returns}
          addresses={props.addresses}
          make={props.make}
          onState={setLarge}
          onStats={setLargeStats}
        />
      </Show>
      <Show when={notice()}>{(value) => <NoticeBox notice={value()} />}</Show>
      <div class="caption">
        <span class="dot" classList={{ [notice()?.tone ?? 'live']: true }} />
        <span class="name">{props.camera.name}</span>
        <Show when={isNarrow() ? props.translator.text('details.why.path') : mainMissing()}>
          {(reason) => (
            <span class="hint">{props.translator.text('tile.main_missing', { reason: reason() })}</span>
          )}
        </Show>
        <Show when={sounds()}>
          <span class="sound">{props.translator.text(props.muted ? 'tile.sound.off' : 'tile.sound.on')}</span>
        </Show>
      </div>
      <Show when={props.details && notice() === null && stats()}>
        {(value) => (
          <Details
            stats={value()}
            full={props.enlarged}
            backup={onBackup()}
            transcode={transcode()}
            translator={props.translator}
          />
        )}
      </Show>
    </div>
  )
}

function NoticeBox(props: { readonly notice: Notice }): JSX.Element {
  return (
    <div class="notice" classList={{ [props.notice.tone]: true }}>
      <strong>{props.notice.title}</strong>
      <Show when={props.notice.reason}>
        <span>{props.notice.reason}</span>
      </Show>
    </div>
  )
}
