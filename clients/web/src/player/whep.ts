import type { Authorize } from '../api/addresses'
import { noAnswer, Problem, problemOf } from '../api/problem'
import type { Fetch } from '../api/streams'
import type { Media } from './media'
import type { Way } from './ways'

export interface WhepOptions {
  readonly url: string
  /** Ask for sound as well. */
  readonly audio: boolean
  onMedia(media: Media): void
  onConnection(state: RTCPeerConnectionState): void
  /** A session that was running may go on no longer. */
  onEnd?(refusal: Problem): void
  /** Where the server wants a signed address; open mode wants none. */
  readonly authorize?: Authorize
  /** STUN and TURN servers; known once an address is there. */
  readonly iceServers?: () => readonly RTCIceServer[]
  /** Parameters so that tests need neither network nor codecs. */
  readonly makePeer?: () => RTCPeerConnection
  readonly send?: Fetch
}

/** Which pictures the server sends, and why they are not those that were asked for. */
export interface Chosen {
  readonly variant: 'as_is' | 'sub' | 'transcoded'
  /** `path` is never said by the server, but seen by the picture's size: it changes while it plays. */
  readonly reason: 'codec' | 'b_frames' | 'path' | null
}

export interface WhepSession {
  /** Known once it is opened; those that were asked for where nothing is said. */
  readonly chosen?: () => Chosen | undefined
  /** How its pictures come; WebRTC where nothing is said. */
  readonly way?: Way
  /** Counts what came. */
  readonly peer: { getStats(): Promise<Iterable<readonly [string, unknown]>> }
  /** Settles once the server has answered; rejects with a Problem. */
  readonly opened: Promise<void>
  /** Nobody can see the picture: the server sends none until this is called with false. */
  readonly rest?: (hidden: boolean) => void
  /** `leaving`: the page itself is closing, nothing can be waited for. */
  close(leaving?: boolean): void
}

/** A session lasts ten minutes from its last renewal; so often (ms) it is renewed, and so soon tried again. */
export const RENEW_EVERY = 7 * 60_000
export const RENEW_AGAIN = 20_000

const BUNDLED: RTCConfiguration = { bundlePolicy: 'max-bundle' }

/**
 * One viewing session by WHEP. The offer goes out at once, with no candidate
 * gathered: the server is ICE-lite, it learns the browser's address from the
 * checks that the browser sends.
 */
export function makeWhep(options: WhepOptions): WhepSession {
  const send = options.send ?? ((input, init) => fetch(input, init))
  const peer = (options.makePeer ?? (() => new RTCPeerConnection(BUNDLED)))()
  let closed = false
  let session: string | undefined
  let chosen: Chosen | undefined
  let address: string | undefined
  let renewal: ReturnType<typeof setTimeout> | undefined
  let hidden = false
  let toldHidden = false
  let telling = false

  peer.ontrack = (event) => {
    const media = event.streams[0] ?? new MediaStream([event.track])
    options.onMedia(media)
  }
  peer.onconnectionstatechange = () => {
    if (!closed) options.onConnection(peer.connectionState)
  }

  // A function, as it may change while something is awaited.
  const isClosed = () => closed

  async function open(): Promise<void> {
    peer.addTransceiver('video', { direction: 'recvonly' })
    if (options.audio) peer.addTransceiver('audio', { direction: 'recvonly' })
    const [offer, signed] = await Promise.all([peer.createOffer(), options.authorize?.(false)])
    address = signed
    if (isClosed()) return
    const servers = options.iceServers?.() ?? []
    // Gathering begins with the next line.
    if (servers.length > 0) peer.setConfiguration({ ...BUNDLED, iceServers: [...servers] })
    // Both at once: the offer does not change by being set, only gathering begins.
    const set = peer.setLocalDescription(offer)
    const answer = await post(send, options.url, offer.sdp ?? '', bearer(address))
    session = answer.session
    chosen = answer.chosen
    if (closed) {
      end()
      return
    }
    plan(RENEW_EVERY)
    void tell()
    await set
    await peer.setRemoteDescription({ type: 'answer', sdp: answer.sdp })
  }

  function plan(wait: number): void {
    if (options.authorize !== undefined && session !== undefined) renewal = setTimeout(() => void renew(), wait)
  }

  async function renew(): Promise<void> {
    try {
      const fresh = await options.authorize?.(true)
      if (session === undefined || fresh === undefined) return
      await patch(send, session, { 'Content-Type': 'application/trickle-ice-sdpfrag', ...bearer(fresh) }, '')
      address = fresh
      plan(RENEW_EVERY)
    } catch (error) {
      const refused = error instanceof Problem && error.status >= 400 && error.status < 500 && error.status !== 429
      if (!refused) plan(RENEW_AGAIN)
      else if (!closed) options.onEnd?.(error)
    }
  }

  /** Says whether the picture is hidden: one request at a time, the last word counts. */
  async function tell(): Promise<void> {
    if (telling) return
    telling = true
    try {
      while (session !== undefined && toldHidden !== hidden) {
        const said = hidden
        const headers = { 'Content-Type': 'application/json', ...bearer(address) }
        await patch(send, session, headers, JSON.stringify({ paused: said }))
        toldHidden = said
      }
    } catch {
      // A session that is gone, or a server that is away: who misses his pictures opens another.
    } finally {
      telling = false
    }
  }

  function end(): void {
    const gone = session
    session = undefined
    clearTimeout(renewal)
    // The peer's own goodbye ends the session too, so it comes second: the server
    // would not know the session any more.
    const hangUp = () => {
      peer.close()
    }
    if (gone === undefined) {
      hangUp()
    } else {
      // With keepalive it also leaves when the page itself is closing. When it does
      // not arrive, the server frees the session by itself as one that vanished.
      send(gone, { method: 'DELETE', headers: bearer(address), keepalive: true }).then(hangUp, hangUp)
    }
  }

  return {
    peer,
    chosen: () => chosen,
    opened: open(),
    rest(value) {
      hidden = value
      void tell()
    },
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
  readonly chosen: Chosen | undefined
}

type Headers = Readonly<Record<string, string>>

function bearer(address: string | undefined): Headers {
  return address === undefined ? {} : { Authorization: `Bearer ${address}` }
}

/** Says something to a session. */
async function patch(send: Fetch, url: string, headers: Headers, body: string): Promise<void> {
  let answer: Response
  try {
    answer = await send(url, { method: 'PATCH', headers, body })
  } catch {
    throw noAnswer()
  }
  if (!answer.ok) throw await problemOf(answer)
}

async function post(send: Fetch, url: string, sdp: string, proof: Headers): Promise<WhepAnswer> {
  let answer: Response
  try {
    answer = await send(url, { method: 'POST', headers: { 'Content-Type': 'application/sdp', ...proof }, body: sdp })
  } catch {
    throw noAnswer()
  }
  if (answer.status !== 201) throw await problemOf(answer)
  const location = answer.headers.get('Location')
  const base = new URL(url, globalThis.location.href)
  const session = location === null ? undefined : new URL(location, base).href
  return { sdp: await answer.text(), session, chosen: chosenOf(answer.headers.get('vms-variant'), answer.headers.get('vms-reason')) }
}

/** What the server says that it sends, by whichever way. */
export function chosenOf(variant: unknown, reason: unknown): Chosen | undefined {
  if (variant !== 'as_is' && variant !== 'sub' && variant !== 'transcoded') return undefined
  return { variant, reason: reason === 'codec' || reason === 'b_frames' ? reason : null }
}
