import { serverOf, type Relay } from '../api/addresses'
import type { Client } from '../api/client'
import { noAnswer, Problem, problemOf } from '../api/problem'
import type { Fetch } from '../api/streams'

/** What cameras understand (G.711); browsers send both without anything in between. */
const CODECS = ['audio/PCMU', 'audio/PCMA']
const BUNDLED: RTCConfiguration = { bundlePolicy: 'max-bundle' }
/** Where the network is gone nobody waits longer to be told that the talk is. */
const REASON_WITHIN_MS = 3000
const VOICE: MediaStreamConstraints = {
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  video: false,
}

export interface TalkOptions {
  readonly camera: string
  readonly client: Client
  /** It was going on, and ended from the other side; why, as far as the server is reached. */
  onEnd(why: Problem): void
  /** Parameters so that tests need neither network nor microphone. */
  readonly makePeer?: (servers: readonly RTCIceServer[]) => RTCPeerConnection
  readonly microphone?: () => Promise<MediaStream>
  readonly send?: Fetch
}

export interface Talk {
  /** Settles once the camera listens; rejects with a Problem. */
  readonly opened: Promise<void>
  close(): void
}

interface Signed {
  readonly address: string
  readonly path: string
  readonly ice_servers: readonly Relay[]
}

/** Asks for the microphone, and is heard at a camera until it is closed. */
export function makeTalk(options: TalkOptions): Talk {
  const send = options.send ?? ((input, init) => fetch(input, init))
  let closed = false
  let ended = false
  let voice: MediaStream | undefined
  let peer: RTCPeerConnection | undefined
  let session: string | undefined
  let proof: Readonly<Record<string, string>> = {}

  // A function, as it may change while something is awaited.
  const isClosed = () => closed
  const isEnded = () => ended

  async function open(): Promise<void> {
    voice = await (options.microphone ?? microphone)()
    if (isClosed()) {
      end()
      return
    }
    const path = `/cameras/${encodeURIComponent(options.camera)}/talk/address`
    const signed = await options.client.change<Signed>(path, { method: 'POST' })
    if (isClosed()) return
    proof = { Authorization: `Bearer ${signed.address}` }
    peer = (options.makePeer ?? makePeer)(signed.ice_servers.map(serverOf))
    peer.onconnectionstatechange = () => void look()
    for (const track of voice.getAudioTracks()) {
      onlyG711(peer.addTransceiver(track, { direction: 'sendonly', streams: [voice] }))
    }
    const offer = await peer.createOffer()
    const set = peer.setLocalDescription(offer)
    const answer = await post(signed.path, offer.sdp ?? '')
    if (isClosed()) {
      end()
      return
    }
    await set
    await peer.setRemoteDescription({ type: 'answer', sdp: answer })
    // A goodbye ends this one at once, and the connection only after half a minute.
    const transport = peer.getSenders()[0]?.transport
    if (transport) transport.onstatechange = () => void look()
  }

  async function post(path: string, sdp: string): Promise<string> {
    let answer: Response
    try {
      answer = await send(path, { method: 'POST', headers: { 'Content-Type': 'application/sdp', ...proof }, body: sdp })
    } catch {
      throw noAnswer()
    }
    if (answer.status !== 201) throw await problemOf(answer)
    session = answer.headers.get('Location') ?? undefined
    return answer.text()
  }

  /** Where the way to the server seems to have ended, has or may have: asks, and tells why. */
  async function look(): Promise<void> {
    const states = [peer?.connectionState, peer?.getSenders()[0]?.transport?.state]
    const isOver = states.some((state) => state === 'failed' || state === 'closed')
    if (closed || !(isOver || states.includes('disconnected'))) return
    if (isOver) silence()
    const why = await reason()
    if (isEnded() || !(isOver || why !== undefined)) return
    // What has ended there needs no end from here.
    if (why !== undefined) session = undefined
    end()
    options.onEnd(why ?? refusal('talk_ended'))
  }

  /** Why the server ended it, if it did and is reached. */
  async function reason(): Promise<Problem | undefined> {
    if (session === undefined) return undefined
    try {
      const answer = await send(session, { headers: proof, signal: AbortSignal.timeout(REASON_WITHIN_MS) })
      const told = answer.ok ? ((await answer.json()) as { ended: string | null }).ended : null
      return told === null ? undefined : refusal(told)
    } catch {
      return undefined
    }
  }

  function silence(): void {
    closed = true
    for (const track of voice?.getTracks() ?? []) track.stop()
  }

  /** The microphone goes first: whoever lets go is heard no more. */
  function end(): void {
    ended = true
    silence()
    const gone = session
    session = undefined
    const hangUp = () => peer?.close()
    if (gone === undefined) hangUp()
    // What does not arrive the server ends by itself, as one that vanished.
    else send(gone, { method: 'DELETE', headers: proof, keepalive: true }).then(hangUp, hangUp)
  }

  const opened = open().catch((error: unknown) => {
    end()
    throw error
  })
  return { opened, close: end }
}

function makePeer(servers: readonly RTCIceServer[]): RTCPeerConnection {
  return new RTCPeerConnection({ ...BUNDLED, iceServers: [...servers] })
}

function onlyG711(transceiver: RTCRtpTransceiver): void {
  const known = RTCRtpSender.getCapabilities('audio')?.codecs ?? []
  const wanted = known.filter((codec) => CODECS.includes(codec.mimeType))
  if (wanted.length > 0) transceiver.setCodecPreferences(wanted)
}

/** The microphone, or a Problem that says in our words why there is none. */
export async function microphone(): Promise<MediaStream> {
  // Undefined wherever the page did not come by https, whatever the types say.
  const devices = navigator.mediaDevices as MediaDevices | undefined
  if (devices === undefined || !globalThis.isSecureContext) throw refusal('microphone_insecure')
  try {
    return await devices.getUserMedia(VOICE)
  } catch (error) {
    const name = error instanceof DOMException ? error.name : ''
    if (name === 'NotAllowedError') throw refusal('microphone_forbidden')
    if (name === 'NotFoundError') throw refusal('microphone_missing')
    throw refusal('microphone_failed', error instanceof Error ? error.message : String(error))
  }
}

function refusal(code: string, detail = ''): Problem {
  return new Problem(0, { code, values: { detail } })
}
