import { beforeEach, describe, expect, it } from 'vitest'
import { FakePeer } from './testing'
import { makeWhep } from './whep'

interface Request {
  readonly address: string
  readonly init: RequestInit | undefined
}

let peer: FakePeer
let requests: Request[]
let answer: () => Promise<Response>
let media: MediaStream[]
let states: string[]

beforeEach(() => {
  peer = new FakePeer()
  requests = []
  media = []
  states = []
  answer = () =>
    Promise.resolve(new Response('the answer', { status: 201, headers: { Location: '/api/v1/whep/abc' } }))
})

function open(audio = false) {
  return makeWhep({
    url: '/api/v1/streams/gate/sub/whep',
    audio,
    onMedia: (value) => media.push(value),
    onConnection: (state) => states.push(state),
    makePeer: () => peer.real,
    send: (address, init) => {
      requests.push({ address, init })
      return init?.method === 'DELETE' ? Promise.resolve(new Response()) : answer()
    },
  })
}

const deletes = () => requests.filter((request) => request.init?.method === 'DELETE').map((request) => request.address)

describe('makeWhep', () => {
  it('offers to receive, posts at once and sets the answer', async () => {
    await open(true).opened
    expect(peer.kinds).toEqual(['video recvonly', 'audio recvonly'])
    expect(requests[0]).toMatchObject({
      address: '/api/v1/streams/gate/sub/whep',
      init: { method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: 'the offer' },
    })
    expect(peer.done).toEqual(['local', 'remote answer: the answer'])
  })

  it('asks for no sound in a small tile', async () => {
    await open().opened
    expect(peer.kinds).toEqual(['video recvonly'])
  })

  it('hands on media and connection states', async () => {
    await open().opened
    const stream = {} as MediaStream
    peer.ontrack?.({ streams: [stream], track: {} })
    peer.become('connected')
    expect(media).toEqual([stream])
    expect(states).toEqual(['connected'])
  })

  it('ends the session at its own address, and only then hangs up', async () => {
    const session = open()
    await session.opened
    session.close()
    expect(peer.done).not.toContain('closed')
    await Promise.resolve()
    expect(deletes()).toEqual(['http://localhost:3000/api/v1/whep/abc'])
    expect(requests.at(-1)?.init?.keepalive).toBe(true)
    expect(peer.done).toContain('closed')
    peer.become('closed')
    expect(states).toEqual([])
  })

  it('hangs up at once when the page is closing', async () => {
    const session = open()
    await session.opened
    session.close(true)
    expect(peer.done).toContain('closed')
    expect(deletes()).toHaveLength(1)
  })

  it('ends a session whose answer comes after it was closed', async () => {
    const session = open()
    session.close()
    await session.opened
    expect(deletes()).toEqual(['http://localhost:3000/api/v1/whep/abc'])
    expect(peer.done).not.toContain('remote answer: the answer')
  })

  it('ends nothing where the server named no address', async () => {
    answer = () => Promise.resolve(new Response('the answer', { status: 201 }))
    const session = open()
    await session.opened
    session.close()
    expect(deletes()).toEqual([])
  })

  it('rejects with the reason of a refusal', async () => {
    answer = () => Promise.resolve(new Response(JSON.stringify({ code: 'no_common_codec' }), { status: 406 }))
    await expect(open().opened).rejects.toMatchObject({ status: 406, reason: { code: 'no_common_codec' } })
  })

  it('rejects when nobody answers', async () => {
    answer = () => Promise.reject(new TypeError('fetch failed'))
    await expect(open().opened).rejects.toMatchObject({ status: 0, reason: { code: 'server_unreachable' } })
  })
})
