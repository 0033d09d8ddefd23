import { createEffect, createMemo, createSignal, on, onCleanup, untrack, type Accessor } from 'solid-js'
import type { AddressKind, Authorize } from '../api/addresses'
import { showMedia } from './media'
import { IDLE, makePlayer, type Player, type PlayerOptions, type PlayerState } from './player'
import { register } from './registry'
import type { PlayerStats } from './stats'
import { ways } from './way'

export interface CreatePlayerOptions {
  readonly camera: string
  readonly stream: string
  readonly audio: boolean
  /** For addresses of each kind, where they are wanted. */
  readonly authorize?: ((kind: AddressKind) => Authorize) | undefined
  /** STUN and TURN servers for WebRTC. */
  readonly iceServers?: (() => readonly RTCIceServer[]) | undefined
  /** The codec that the camera is known to send. */
  readonly sends?: Accessor<string | null | undefined>
  /** Whether there should be a picture now. */
  readonly wanted: Accessor<boolean>
  /** Whether anybody can see it; where nobody can it is paused, and soon nothing is asked for. */
  readonly visible: Accessor<boolean>
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

/** Hidden for so long (ms) a picture, paused until then, ends: who only looks up shortly finds its session still there. */
export const REST_AFTER = 3000

/** Plays a stream for as long as its owner lives. */
export function createPlayer(options: CreatePlayerOptions): ReactivePlayer {
  const { camera, stream } = options
  const [state, setState] = createSignal(IDLE)
  const [stats, setStats] = createSignal<PlayerStats>()
  const player = (options.make ?? makePlayer)({
    url: `/api/v1/streams/${encodeURIComponent(camera)}/${stream}/whep`,
    audio: options.audio,
    open: ways().of({ camera, stream, authorize: options.authorize, iceServers: options.iceServers, sends: options.sends }),
    onState: setState,
    onStats: setStats,
  })
  const forget = register({ camera, stream, phase: () => state().phase, stats: player.stats, marks: player.marks })
  const goodbye = (): void => {
    player.close(true)
  }
  const again = (event: PageTransitionEvent): void => {
    if (event.persisted && !untrack(resting)) player.want(untrack(options.wanted))
  }
  createEffect(() => {
    // What nobody sees may still be heard.
    player.rest(!options.audio && !options.visible())
  })
  addEventListener('pagehide', goodbye)
  addEventListener('pageshow', again)
  const resting = createResting(options.visible)
  createEffect(() => {
    if (!resting()) {
      player.want(options.wanted())
      return
    }
    player.close()
    setState(IDLE)
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
      onCleanup(showMedia(video, media()))
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

/** True once nobody has seen it for a while, and until somebody does first. */
function createResting(visible: Accessor<boolean>): Accessor<boolean> {
  const [resting, setResting] = createSignal(!untrack(visible))
  createEffect(() => {
    if (visible()) {
      setResting(false)
      return
    }
    const later = setTimeout(() => setResting(true), REST_AFTER)
    onCleanup(() => {
      clearTimeout(later)
    })
  })
  return resting
}

/** Runs `act` on each change of `value`, not on its first value. */
function whenChanged(value: Accessor<unknown>, act: () => void): void {
  const changed = createMemo(value)
  createEffect(on(changed, act, { defer: true }))
}
