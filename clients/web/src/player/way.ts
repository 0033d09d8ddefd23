import type { AddressKind, Authorize } from '../api/addresses'
import { Problem } from '../api/problem'
import { makeCodecs, type Codecs } from './codecs'
import { HLS, makeHlsSession } from './hlsSession'
import { mediaSource } from './liveBuffer'
import { makeMediaSocket, type MediaSocket } from './mediaSocket'
import { makeMseSession } from './mseSession'
import { canDecode, makeSocketSession } from './socketSession'
import { makeNetwork, type Trial } from './network'
import { chooseWay, forcedWay, type Can, type Way } from './ways'
import { makeWhep, type WhepOptions, type WhepSession } from './whep'

export interface WayOptions {
  readonly camera: string
  readonly stream: string
  /** Addresses of each kind, where they are wanted. */
  readonly authorize: ((kind: AddressKind) => Authorize) | undefined
  /** STUN and TURN servers for WebRTC. */
  readonly iceServers?: (() => readonly RTCIceServer[]) | undefined
  /** The codec that the camera is known to send. */
  readonly sends?: (() => string | null | undefined) | undefined
}

export interface Ways {
  /** Opens sessions of one stream, each by the way that is best by then. */
  of(options: WayOptions): (options: WhepOptions) => WhepSession
}

export interface WaysOptions {
  readonly can: Can
  readonly forced?: Way | undefined
  readonly media: () => MediaSocket
  /** What the browser plays by each way. */
  readonly codecs?: Codecs
  /** What opens a session by each way, so that tests need none of them. */
  readonly open?: Openers
  readonly now?: () => number
}

interface Openers {
  readonly webrtc: typeof makeWhep
  readonly socket: typeof makeSocketSession
  readonly mse: typeof makeMseSession
  readonly hls: typeof makeHlsSession
}

const OPENERS: Openers = { webrtc: makeWhep, socket: makeSocketSession, mse: makeMseSession, hls: makeHlsSession }
const KINDS: Readonly<Record<Way, AddressKind>> = { webrtc: 'webrtc', socket: 'socket', mse: 'socket', hls: 'hls' }

/** The best way that browser and network have; another one for a stream that it cannot play. */
export function makeWays(options: WaysOptions): Ways {
  const openers = options.open ?? OPENERS
  const network = makeNetwork(options.now ?? (() => performance.now()))
  let media: MediaSocket | undefined

  function by(way: Way, { camera, stream, iceServers, sends }: WayOptions, wanted: WhepOptions): WhepSession {
    if (way === 'webrtc') return openers.webrtc(iceServers === undefined ? wanted : { ...wanted, iceServers })
    const codecs = () => options.codecs?.(way) ?? Promise.resolve(undefined)
    if (way === 'hls') return openers.hls({ ...wanted, camera, stream, codecs })
    media ??= options.media()
    return openers[way]({ ...wanted, socket: media, camera, stream, codecs, sends })
  }

  function openBest(stream: WayOptions, wanted: WhepOptions): WhepSession {
    const unable = new Set<Way>()
    let first: Problem | undefined
    let closed = false
    let hidden = false
    let trial: Trial | undefined

    function choose(): Way | undefined {
      return chooseWay({ can: options.can, blocked: network.isBlocked(), unable, forced: options.forced })
    }

    function start(way: Way): WhepSession {
      const mine = way === 'webrtc' ? network.begin() : undefined
      trial = mine
      const authorize = stream.authorize?.(KINDS[way])
      const made = by(way, stream, {
        ...wanted,
        ...(authorize === undefined ? {} : { authorize }),
        onEnd(refusal) {
          if (closed) return
          const next = nextAfter(way, refusal)
          if (next === undefined) wanted.onEnd?.(first ?? refusal)
          else void goOn(next).catch((error: unknown) => { if (!closed) wanted.onEnd?.(error as Problem) })
        },
        onConnection(state) {
          mine?.connection(state)
          wanted.onConnection(state)
        },
      })
      if (hidden) made.rest?.(true)
      return made
    }

    /** The way to go on by, where this one cannot play what the camera sends. */
    function nextAfter(way: Way, refusal: unknown): Way | undefined {
      if (!(refusal instanceof Problem) || refusal.reason.code !== 'no_common_codec') return undefined
      first ??= refusal
      unable.add(way)
      return choose()
    }

    async function goOn(way: Way): Promise<void> {
      session.close()
      session = start(way)
      now = way
      await opened()
    }

    async function opened(): Promise<void> {
      try {
        await session.opened
        trial?.answered()
      } catch (error) {
        const next = closed ? undefined : nextAfter(now, error)
        if (next === undefined) throw first ?? error
        await goOn(next)
      }
    }

    let now = choose() ?? 'webrtc'
    let session = start(now)
    return {
      get way() {
        return now
      },
      get peer() {
        return session.peer
      },
      chosen: () => session.chosen?.(),
      opened: opened(),
      rest(value) {
        hidden = value
        session.rest?.(value)
      },
      close(leaving) {
        if (!closed && leaving !== true) trial?.givenUp()
        closed = true
        session.close(leaving)
      },
    }
  }

  return { of: (stream) => (wanted) => openBest(stream, wanted) }
}

/** Whether the browser says that it takes H.264 by WebRTC. */
function takesH264(): boolean {
  if (typeof RTCRtpReceiver === 'undefined') return false
  const codecs = RTCRtpReceiver.getCapabilities('video')?.codecs ?? []
  return codecs.some(({ mimeType }) => mimeType.toLowerCase() === 'video/h264')
}

let page: Ways | undefined

/** The ways of this page: what one tile learns of the network holds for all. */
export function ways(): Ways {
  page ??= makeWays({
    can: {
      webrtc: takesH264(),
      socket: canDecode(),
      mse: mediaSource()?.isTypeSupported('video/mp4; codecs="avc1.42e01e"') === true,
      hls: document.createElement('video').canPlayType(HLS) !== '',
    },
    forced: forcedWay(location.search),
    codecs: makeCodecs(),
    media: () => makeMediaSocket({ url: new URL('/media', location.href).href.replace(/^http/, 'ws') }),
  })
  return page
}
