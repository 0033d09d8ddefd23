import { noAnswer, problemOf } from '../api/problem'
import type { Fetch } from '../api/streams'

export interface WhepOptions {
  readonly url: string
  /** Ask for sound as well. */
  readonly audio: boolean
  onMedia(media: MediaStream): void
  onConnection(state: RTCPeerConnectionState): void
  /** Parameters so that tests need neither network nor codecs. */
  readonly makePeer?: () => RTCPeerConnection
  readonly send?: Fetch
}

export interface WhepSession {
  readonly peer: RTCPeerConnection
  /** Settles once the server has answered; rejects with a Problem. */
  readonly opened: Promise<void>
  /** `leaving`: the page itself is closing, nothing can be waited for. */
  close(leaving?: boolean): void
}

/**
 * One viewing session by WHEP. The offer goes out at once, with no candidate
 * gathered: the server is ICE-lite, it learns the browser's address from the
 * checks that the browser sends.
 */
export function makeWhep(options: WhepOptions): WhepSession {
  const send = options.send ?? ((input, init) => fetch(input, init))
  const peer = (options.makePeer ?? (() => new RTCPeerConnection({ bundlePolicy: 'max-bundle' })))()
  let closed = false
  let session: string | undefined

  peer.ontrack = (event) => {
    const media = event.streams[0] ?? new MediaStream([event.track])
    options.onMedia(media)
  }
  peer.onconnectionstatechange = () => {
    if (!closed) options.onConnection(peer.connectionState)
  }

  async function open(): Promise<void> {
    peer.addTransceiver('video', { direction: 'recvonly' })
    if (options.audio) peer.addTransceiver('audio', { direction: 'recvonly' })
    const offer = await peer.createOffer()
    // Both at once: the offer does not change by being set, only gathering begins.
    const set = peer.setLocalDescription(offer)
    const answer = await post(send, options.url, offer.sdp ?? '')
    session = answer.session
    if (closed) {
      end()
      return
    }
    await set
    await peer.setRemoteDescription({ type: 'answer', sdp: answer.sdp })
  }

  function end(): void {
    const address = session
    session = undefined
    // The peer's own goodbye ends the session too, so it comes second: the server
    // would not know the session any more.
    const hangUp = () => {
      peer.close()
    }
    if (address === undefined) {
      hangUp()
    } else {
      // With keepalive it also leaves when the page itself is closing. When it does
      // not arrive, the server frees the session by itself as one that vanished.
      send(address, { method: 'DELETE', keepalive: true }).then(hangUp, hangUp)
    }
  }

  return {
    peer,
    opened: open(),
    close(leaving = false) {
      closed = true
      peer.ontrack = peer.onconnectionstatechange = null
      end()
      if (leaving) peer.close()
    },
  }
}

interface WhepAnswer {
  readonly sdp: string
  /** Address of the session; undefined where the server named none. */
  readonly session: string | undefined
}

async function post(send: Fetch, url: string, sdp: string): Promise<WhepAnswer> {
  let answer: Response
  try {
    answer = await send(url, { method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: sdp })
  } catch {
    throw noAnswer()
  }
  if (answer.status !== 201) throw await problemOf(answer)
  const location = answer.headers.get('Location')
  const base = new URL(url, globalThis.location.href)
  return { sdp: await answer.text(), session: location === null ? undefined : new URL(location, base).href }
}
