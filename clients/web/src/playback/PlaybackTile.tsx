import { createEffect, createMemo, createSignal, on, onCleanup, onMount, Show, type JSX } from 'solid-js'
import type { StreamName } from '../api/streams'
import { SECOND } from '../lib/zone'
import { makeGroups, type PlaybackToken } from '../player/groups'
import { makePlayback, type PlaybackOptions, type PlaybackState, type Playback } from '../player/playback'
import { makeSink } from '../player/sink'
import { useApp } from '../ui/app'
import type { ReactiveDesk } from './createDesk'
import type { Known } from './createRecorded'

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
  readonly make?: ((options: PlaybackOptions) => Playback) | undefined
  onFocus(): void
  onEnlarge(): void
}

/** One camera's recorded pictures, or why there are none. */
export function PlaybackTile(props: PlaybackTileProps): JSX.Element {
  const app = useApp()
  const [state, setState] = createSignal<PlaybackState>({ kind: 'loading' })
  // The small stream may not be recorded: then the large one is shown.
  const [onlyMain, setOnlyMain] = createSignal(false)
  const stream = createMemo<StreamName>(() => (props.small && !onlyMain() ? 'sub' : 'main'))
  let video: HTMLVideoElement | undefined

  onMount(() => {
    createEffect(
      on(stream, (name) => {
        if (video === undefined) return
        const element = video
        const playback = (props.make ?? makePlayback)({
          groups: makeGroups({ camera: props.id, stream: name, token: props.token(name) }),
          makeSink: () => makeSink(element),
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
    if (props.known(props.desk.position()) ?.kind === 'recorded') setOnlyMain(true)
  })
  createEffect(() => {
    if (video !== undefined) video.muted = props.muted || !props.focused
  })

  return (
    <div
      class="tile"
      classList={{ focused: props.focused && props.small }}
      role="button"
      tabindex={0}
      aria-label={app.text('play.tile', { name: props.name })}
      aria-pressed={props.focused}
      data-camera={props.id}
      onFocus={() => { props.onFocus() }}
      onClick={() => { props.onFocus() }}
      onDblClick={() => { props.onEnlarge() }}
    >
      <video ref={video} class="picture" classList={{ showing: state().kind === 'showing' || state().kind === 'loading' }} playsinline muted disablepictureinpicture />
      <Notice state={state()} at={props.desk.position()} known={props.known} />
      <div class="caption">
        <span class="dot" classList={{ [DOTS[state().kind]]: true }} />
        <span class="name">{props.name}</span>
      </div>
    </div>
  )
}

const DOTS: Readonly<Record<PlaybackState['kind'], string>> = { loading: 'busy', showing: 'live', gap: 'warn', end: 'off', failed: 'bad' }

function Notice(props: { readonly state: PlaybackState; readonly at: number; readonly known: (us: number) => Known }): JSX.Element {
  const app = useApp()
  const said = createMemo((): { readonly tone: string; readonly title: string; readonly reason?: string } | undefined => {
    const now = props.state
    switch (now.kind) {
      case 'loading':
        return { tone: 'busy', title: app.text('play.loading') }
      case 'showing':
        return undefined
      case 'end':
        return { tone: 'off', title: app.text('play.end') }
      case 'failed':
        return { tone: 'bad', title: app.text('play.failed'), reason: app.t().reason(now.reason) }
      case 'gap': {
        const { from, to, reason } = now.hole
        const known = props.known(Math.round(props.at / SECOND) * SECOND)
        const code = reason ?? (known?.kind === 'gap' ? known.code : undefined)
        const title = app.text('play.gap')
        if (from > 0 && to !== undefined) {
          const length = app.t().duration(to - from)
          const why = code === undefined ? length : `${app.t().gap({ code, values: {} })} · ${length}`
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
