import type { Authorize } from '../api/addresses'
import { makeMediaSocket, type MediaSocket } from './mediaSocket'
import { canDecode, makeSocketSession } from './socketSession'
import { makeWhep, type WhepOptions, type WhepSession } from './whep'

/** How pictures come to the page. */
export type Way = 'webrtc' | 'socket'

/** So many sessions of the page that never connected: its network lets no WebRTC through. */
const FAILURES = 2

export interface WayOptions {
  readonly camera: string
  readonly stream: string
  /** For addresses of the media socket. */
  readonly authorize: Authorize | undefined
}

export interface Ways {
  /** Opens sessions of one stream, each by the way that is best by then. */
  of(options: WayOptions): (options: WhepOptions) => WhepSession
}

export interface WaysOptions {
  /** Whether the browser takes H.264 by WebRTC. */
  readonly webrtc: boolean
  /** Whether it can play what comes by the media socket. */
  readonly socket: boolean
  readonly media: () => MediaSocket
  readonly whep?: (options: WhepOptions) => WhepSession
  readonly session?: typeof makeSocketSession
}

/** WebRTC, but the media socket where the browser or the network has none of it. */
export function makeWays(options: WaysOptions): Ways {
  const whep = options.whep ?? makeWhep
  const session = options.session ?? makeSocketSession
  let failures = 0
  let media: MediaSocket | undefined

  function bySocket(): boolean {
    return options.socket && (!options.webrtc || failures >= FAILURES)
  }

  return {
    of: (stream) => (wanted) => {
      if (bySocket()) {
        media ??= options.media()
        // Where addresses are wanted, both ways have theirs.
        const proof = stream.authorize === undefined ? {} : { authorize: stream.authorize }
        return session({ ...wanted, ...proof, socket: media, camera: stream.camera, stream: stream.stream })
      }
      let connected = false
      return whep({
        ...wanted,
        onConnection(state) {
          if (state === 'connected') {
            connected = true
            failures = 0
          }
          if (state === 'failed' && !connected) failures += 1
          wanted.onConnection(state)
        },
      })
    },
  }
}

/** Whether the browser says that it takes H.264 by WebRTC. */
function takesH264(): boolean {
  if (typeof RTCRtpReceiver === 'undefined') return false
  const codecs = RTCRtpReceiver.getCapabilities('video')?.codecs ?? []
  return codecs.some(({ mimeType }) => mimeType.toLowerCase() === 'video/h264')
}

/** `?way=socket` on the page's address chooses it, to look for the cause of a fault. */
function forced(): boolean {
  return new URLSearchParams(location.search).get('way') === 'socket'
}

let page: Ways | undefined

/** The ways of this page: what one tile learns of the network holds for all. */
export function ways(): Ways {
  page ??= makeWays({
    webrtc: takesH264() && !forced(),
    socket: canDecode(),
    media: () => makeMediaSocket({ url: new URL('/media', location.href).href.replace(/^http/, 'ws') }),
  })
  return page
}
