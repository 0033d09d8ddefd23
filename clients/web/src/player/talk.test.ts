import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Client } from '../api/client'
import { Problem } from '../api/problem'
import { jsonAnswer } from '../api/testing'
import { makeTalk, microphone, type Talk } from './talk'

interface Rig {
  readonly talk: Talk
  readonly asked: string[]
  readonly ended: string[]
  readonly peer: { connectionState: string; onconnectionstatechange?: () => void }
  readonly transport: { state: string; onstatechange?: () => void }
}

/** A microphone, a server that answers so, and a peer that takes everything. */
function rig(answer: () => Response = accepted, hold: Promise<void> = Promise.resolve(), reason = () => jsonAnswer({ ended: 'talk_silent' })): Rig {
  const asked: string[] = []
  const ended: string[] = []
  const track = { stop: () => ended.push('microphone') }
  const voice = { getTracks: () => [track], getAudioTracks: () => [track] } as unknown as MediaStream
  const transport = { state: 'connected' }
  const peer = {
    connectionState: 'new',
    getSenders: () => [{ transport }],
    addTransceiver: (_: unknown, init: RTCRtpTransceiverInit) => {
      asked.push(`line ${String(init.direction)}`)
      return { setCodecPreferences: (codecs: readonly { mimeType: string }[]) => asked.push(codecs.map((one) => one.mimeType).join()) }
    },
    createOffer: () => Promise.resolve({ type: 'offer', sdp: 'v=0' }),
    setLocalDescription: () => Promise.resolve(),
    setRemoteDescription: (given: { sdp: string }) => {
      asked.push(`answer ${given.sdp}`)
      return Promise.resolve()
    },
    close: () => ended.push('peer'),
  }
  const capabilities = { codecs: [{ mimeType: 'audio/opus' }, { mimeType: 'audio/PCMU' }, { mimeType: 'audio/PCMA' }] }
  vi.stubGlobal('RTCRtpSender', { getCapabilities: () => capabilities })
  const client = {
    change: (path: string) => {
      asked.push(path)
      return Promise.resolve({ address: 'v1.k.p.s', path: '/talk/gate', ice_servers: [] })
    },
  } as unknown as Client
  const talk = makeTalk({
    camera: 'gate',
    client,
    onEnd: (why) => ended.push(why.reason.code),
    makePeer: () => peer as unknown as RTCPeerConnection,
    microphone: () => hold.then(() => voice),
    send: (input, init) => {
      asked.push(`${init?.method ?? 'GET'} ${input} ${new Headers(init?.headers).get('Authorization') ?? ''}`)
      if (init?.method === undefined) return Promise.resolve(reason())
      return Promise.resolve(init.method === 'DELETE' ? new Response('') : answer())
    },
  })
  return { talk, asked, ended, peer, transport }
}

function accepted(): Response {
  return new Response('v=0 too', { status: 201, headers: { Location: '/talk/sessions/7' } })
}

afterEach(() => {
  vi.unstubAllGlobals()
})

describe('a talk', () => {
  it('offers what cameras understand, and is ended by its own address', async () => {
    const { talk, asked, ended } = rig()
    await talk.opened
    expect(asked).toEqual([
      '/cameras/gate/talk/address',
      'line sendonly',
      'audio/PCMU,audio/PCMA',
      'POST /talk/gate Bearer v1.k.p.s',
      'answer v=0 too',
    ])
    talk.close()
    expect(ended[0]).toBe('microphone')
    await vi.waitFor(() => {
      expect(ended).toEqual(['microphone', 'peer'])
    })
    expect(asked.at(-1)).toBe('DELETE /talk/sessions/7 Bearer v1.k.p.s')
  })

  it('that is refused says why and lets the microphone go', async () => {
    const { talk, ended } = rig(() => jsonAnswer({ code: 'camera_busy_talking', values: { who: 'Ana' } }, { status: 409 }))
    const refused: unknown = await talk.opened.catch((error: unknown) => error)
    expect(refused instanceof Problem && [refused.reason.code, refused.reason.values.who]).toEqual(['camera_busy_talking', 'Ana'])
    expect(ended).toEqual(['microphone', 'peer'])
  })

  it('that ends from the other side lets the microphone go and is told why', async () => {
    const { talk, asked, ended, peer } = rig()
    await talk.opened
    peer.connectionState = 'failed'
    peer.onconnectionstatechange?.()
    expect(ended, 'at once').toEqual(['microphone'])
    await vi.waitFor(() => {
      expect(ended).toContain('talk_silent')
    })
    expect(asked.at(-1), 'and nothing is ended twice').toBe('GET /talk/sessions/7 Bearer v1.k.p.s')
  })

  it('is told why at the goodbye, long before the connection is given up', async () => {
    const { talk, ended, transport } = rig()
    await talk.opened
    transport.state = 'closed'
    transport.onstatechange?.()
    await vi.waitFor(() => {
      expect(ended).toContain('talk_silent')
    })
  })

  it('goes on while the network only stutters, and ends where the server says that it has', async () => {
    const answers = [null, 'talk_camera_closed']
    const { talk, asked, ended, peer } = rig(accepted, Promise.resolve(), () => jsonAnswer({ ended: answers.shift() ?? null }))
    await talk.opened
    peer.connectionState = 'disconnected'
    peer.onconnectionstatechange?.()
    await vi.waitFor(() => {
      expect(answers).toHaveLength(1)
    })
    await Promise.resolve()
    expect(ended).toEqual([])
    peer.onconnectionstatechange?.()
    await vi.waitFor(() => {
      expect(ended).toContain('talk_camera_closed')
    })
    expect(asked.filter((one) => one.startsWith('GET'))).toHaveLength(2)
  })

  it.each([
    ['goes on', () => jsonAnswer({ ended: null })],
    ['is forgotten', () => jsonAnswer({ code: 'not_found', values: {} }, { status: 404 })],
    ['is not reached', () => { throw new TypeError('no network') }],
  ])('of which the server says that it %s has ended all the same', async (_, answer: () => Response) => {
    const { talk, ended, peer } = rig(accepted, Promise.resolve(), answer)
    await talk.opened
    peer.connectionState = 'failed'
    peer.onconnectionstatechange?.()
    await vi.waitFor(() => {
      expect(ended).toContain('talk_ended')
    })
  })

  it('that was closed is told nothing', async () => {
    const { talk, asked, ended, peer } = rig()
    await talk.opened
    talk.close()
    peer.connectionState = 'closed'
    peer.onconnectionstatechange?.()
    await vi.waitFor(() => {
      expect(ended).toEqual(['microphone', 'peer'])
    })
    expect(asked.some((one) => one.startsWith('GET'))).toBe(false)
  })

  it('whose button is let go before there is a microphone asks the server for nothing', async () => {
    let grant: () => void = () => undefined
    const { talk, asked, ended } = rig(accepted, new Promise((resolve) => (grant = resolve)))
    talk.close()
    grant()
    await talk.opened
    expect(asked).toEqual([])
    expect(ended).toContain('microphone')
  })
})

describe('the microphone', () => {
  async function codeOf(devices: unknown, secure = true): Promise<string | undefined> {
    vi.stubGlobal('navigator', { mediaDevices: devices })
    vi.stubGlobal('isSecureContext', secure)
    const refused: unknown = await microphone().catch((error: unknown) => error)
    return refused instanceof Problem ? refused.reason.code : undefined
  }
  const failing = (name: string) => ({ getUserMedia: () => Promise.reject(new DOMException('no', name)) })

  it('that is not there is explained', async () => {
    expect(await codeOf(undefined)).toBe('microphone_insecure')
    expect(await codeOf(failing('NotAllowedError'), false)).toBe('microphone_insecure')
    expect(await codeOf(failing('NotAllowedError'))).toBe('microphone_forbidden')
    expect(await codeOf(failing('NotFoundError'))).toBe('microphone_missing')
    expect(await codeOf(failing('NotReadableError'))).toBe('microphone_failed')
  })
})
