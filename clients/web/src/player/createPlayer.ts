import { createEffect, createMemo, createSignal, on, onCleanup, untrack, type Accessor } from 'solid-js'
import type { Authorize } from '../api/addresses'
import { IDLE, makePlayer, type Player, type PlayerOptions, type PlayerState } from './player'
import { register } from './registry'
import type { PlayerStats } from './stats'
import { ways } from './way'

export interface CreatePlayerOptions {
  readonly camera: string
  readonly stream: string
  readonly audio: boolean
  readonly authorize?: Authorize | undefined
  /** Of the media socket, where pictures come by it. */
  readonly authorizeSocket?: Authorize | undefined
  /** Whether there should be a picture now. */
  readonly wanted: Accessor<boolean>
  /** Changes with the stream (its state, its codec): a refused player then tries again. */
  readonly changes: Accessor<unknown>
  /** Changes each time the server came back: sessions from before are then doubted. */
  readonly returns: Accessor<unknown>
  readonly make?: (options: PlayerOptions) => Player
}

export interface ReactivePlayer {
  readonly state: Accessor<PlayerState>
  readonly stats: Accessor<PlayerStats | undefined>
  /** Shows the media in an element, and tells the player of each picture. */
  attach(video: HTMLVideoElement): void
}

/** Plays a stream for as long as its owner lives. */
export function createPlayer(options: CreatePlayerOptions): ReactivePlayer {
  const { camera, stream } = options
  const [state, setState] = createSignal(IDLE)
  const [stats, setStats] = createSignal<PlayerStats>()
  const player = (options.make ?? makePlayer)({
    url: `/api/v1/streams/${encodeURIComponent(camera)}/${stream}/whep`,
    audio: options.audio,
    authorize: options.authorize,
    open: ways().of({ camera, stream, authorize: options.authorizeSocket }),
    onState: setState,
    onStats: setStats,
  })
  const forget = register({ camera, stream, phase: () => state().phase, stats: player.stats, marks: player.marks })
  const goodbye = (): void => {
    player.close(true)
  }
  const again = (event: PageTransitionEvent): void => {
    if (event.persisted) player.want(untrack(options.wanted))
  }
  addEventListener('pagehide', goodbye)
  addEventListener('pageshow', again)
  createEffect(() => {
    player.want(options.wanted())
  })
  whenChanged(options.changes, () => {
    player.retryNow()
  })
  whenChanged(options.returns, () => {
    player.doubt()
  })
  onCleanup(() => {
    removeEventListener('pagehide', goodbye)
    removeEventListener('pageshow', again)
    forget()
    player.close()
  })

  function attach(video: HTMLVideoElement): void {
    const media = createMemo(() => state().media)
    createEffect(() => {
      video.srcObject = media()
      // The first picture of each session is enough: from then on the player counts for itself.
      const handle = video.requestVideoFrameCallback((time) => {
        player.shown(time)
      })
      onCleanup(() => {
        video.cancelVideoFrameCallback(handle)
      })
    })
  }

  return { state, stats, attach }
}

/** Runs `act` on each change of `value`, not on its first value. */
function whenChanged(value: Accessor<unknown>, act: () => void): void {
  const changed = createMemo(value)
  createEffect(on(changed, act, { defer: true }))
}
