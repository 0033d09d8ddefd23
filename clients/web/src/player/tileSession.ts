import { Problem } from '../api/problem'
import { titleOf } from './codecs'
import type { MediaSocket, Tile, TileConfig, TileFrame } from './mediaSocket'
import { RENEW_AGAIN, RENEW_EVERY, type Chosen, type WhepOptions } from './whep'

export interface TileSessionOptions extends WhepOptions {
  readonly socket: MediaSocket
  readonly camera: string
  readonly stream: string
  /** What the page can play, with commas. */
  readonly codecs?: (() => Promise<string | undefined>) | undefined
  /** The codec that the camera is known to send. */
  readonly sends?: (() => string | null | undefined) | undefined
}

/** What shows the frames of a tile. */
export interface TilePlayer {
  onConfig(config: TileConfig): void
  onFrame(frame: TileFrame): void
}

/** One tile of the media socket, from its first address to its end. */
export interface TileSession {
  readonly opened: Promise<void>
  /** Known once it is opened. */
  readonly chosen: () => Chosen | undefined
  /** The page cannot play what comes. */
  refuse(problem: Problem): void
  readonly rest: (hidden: boolean) => void
  close(): void
}

const STATUS: Readonly<Record<string, number>> = {
  not_found: 404,
  limit_reached: 429,
  masked_dark: 503,
  address_revoked: 403,
  address_foreign: 403,
  no_common_codec: 406,
  too_many_transcodes: 503,
}

const NAMES: Readonly<Record<string, string>> = {
  avc1: 'H.264',
  avc3: 'H.264',
  hvc1: 'H.265',
  hev1: 'H.265',
  av01: 'AV1',
  vp8: 'VP8',
  vp09: 'VP9',
  mjpeg: 'Motion JPEG',
  mp4v: 'MPEG-4',
}

/** That the browser cannot play this codec, as WHEP would say it. */
export function unplayable(codec: string): Problem {
  const [name = codec] = codec.split('.')
  return new Problem(406, { code: 'no_common_codec', values: { camera: NAMES[name] ?? codec } })
}

/** Opens a tile and renews it for as long as it is wanted. */
export function makeTileSession(options: TileSessionOptions, player: TilePlayer): TileSession {
  let closed = false
  let hidden = false
  let tile: Tile | undefined
  let chosen: Chosen | undefined
  let renewal: ReturnType<typeof setTimeout> | undefined

  // A function, as it may change while something is awaited.
  const isClosed = () => closed

  function plan(wait: number): void {
    if (options.authorize !== undefined && !closed) renewal = setTimeout(() => void renew(), wait)
  }

  async function renew(): Promise<void> {
    try {
      const fresh = await options.authorize?.(true)
      if (fresh !== undefined) tile?.renew(fresh)
      plan(RENEW_EVERY)
    } catch (error) {
      const refused = error instanceof Problem && error.status >= 400 && error.status < 500 && error.status !== 429
      if (!refused) plan(RENEW_AGAIN)
      else if (!closed) options.onEnd?.(error)
    }
  }

  async function open(): Promise<void> {
    const [address, codecs] = await Promise.all([options.authorize?.(false), options.codecs?.()])
    if (isClosed()) return
    const { camera, stream } = options
    await new Promise<void>((resolve, reject) => {
      let open = false
      tile = options.socket.open({ camera, stream, address, codecs }, {
        onSubscribed(told) {
          open = true
          chosen = told
          plan(RENEW_EVERY)
          resolve()
        },
        onConfig: (config) => { player.onConfig(config) },
        onFrame: (frame) => { player.onFrame(frame) },
        onRefused(code) {
          const values = code === 'no_common_codec' ? { camera: titleOf(options.sends?.() ?? '?') } : {}
          const problem = new Problem(STATUS[code] ?? 401, { code, values })
          if (open) options.onEnd?.(problem)
          else reject(problem)
        },
        onLost() {
          resolve()
          if (!closed) options.onConnection('closed')
        },
      })
      if (hidden) tile.rest(true)
    })
  }

  return {
    opened: open(),
    chosen: () => chosen,
    refuse(problem) {
      if (!closed) options.onEnd?.(problem)
    },
    rest(value) {
      hidden = value
      tile?.rest(value)
    },
    close() {
      closed = true
      clearTimeout(renewal)
      tile?.close()
    },
  }
}
