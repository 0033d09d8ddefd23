import { createEffect, type Accessor, type JSX } from 'solid-js'
import type { Addresses } from '../api/addresses'
import type { StreamName, StreamStatus } from '../api/streams'
import { createPlayer, type CreatePlayerOptions } from '../player/createPlayer'
import type { PlayerState } from '../player/player'
import type { PlayerStats } from '../player/stats'
import { isVisible } from './notice'

export interface PictureProps {
  readonly camera: string
  readonly stream: StreamName
  readonly status: StreamStatus | undefined
  /** Ask for sound; fixed for the life of the picture. */
  readonly audio: boolean
  readonly muted: boolean
  /** Whether anybody can see it. */
  readonly visible: boolean
  readonly returns: Accessor<number>
  /** Where streams are opened by signed addresses. */
  readonly addresses: Addresses | undefined
  readonly make?: CreatePlayerOptions['make']
  onState(state: PlayerState): void
  onStats(stats: PlayerStats | undefined): void
}

/** One stream, playing while the camera is live, or would be for a reader, and the picture is on the page. */
export function Picture(props: PictureProps): JSX.Element {
  // The parent makes a new picture for another stream: these never change.
  // eslint-disable-next-line solid/reactivity
  const { camera, stream, audio, make, addresses } = props
  const player = createPlayer({
    camera,
    stream,
    audio,
    authorize: addresses === undefined ? undefined : (kind) => addresses.of(camera, stream, kind),
    iceServers: () => addresses?.iceServers() ?? [],
    sends: () => props.status?.codec,
    // A stream on demand is opened by its first reader.
    wanted: () => props.status?.state === 'live' || props.status?.state === 'idle',
    visible: () => props.visible,
    changes: () => `${props.status?.state} ${props.status?.codec}`,
    returns: () => props.returns(),
    ...(make === undefined ? {} : { make }),
  })
  createEffect(() => {
    props.onState(player.state())
  })
  createEffect(() => {
    props.onStats(player.stats())
  })
  return (
    <video
      class="picture"
      classList={{ showing: isVisible(props.status, player.state()) }}
      ref={(video) => {
        player.attach(video)
      }}
      autoplay
      playsinline
      muted={props.muted}
      disablepictureinpicture
    />
  )
}
