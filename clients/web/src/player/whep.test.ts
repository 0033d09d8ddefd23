import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Authorize } from '../api/addresses'
import { Problem } from '../api/problem'
import type { Media } from './media'
import { FakePeer } from './testing'
import { makeWhep, RENEW_AGAIN, RENEW_EVERY } from './whep'

interface Request {
  readonly address: string
  readonly init: RequestInit | undefined
}

let peer: FakePeer
let requests: Request[]
let answer: () => Promise<Response>
let media: Media[]
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

  it('knows the servers of an opening before it gathers', async () => {
    const iceServers = () => [{ urls: 'stun:192.0.2.1' }, { urls: ['turn:192.0.2.1'] }]
    const options = { url: '/whep', audio: false, onMedia: () => undefined, onConnection: () => undefined }
    await makeWhep({ ...options, iceServers, makePeer: () => peer.real, send: answer }).opened
    expect(peer.done.slice(0, 2)).toEqual(['ice stun:192.0.2.1 turn:192.0.2.1', 'local'])
  })

  it('knows which pictures the server chose, and why', async () => {
    const headers = { Location: '/api/v1/whep/abc', 'vms-variant': 'transcoded', 'vms-reason': 'codec' }
    answer = () => Promise.resolve(new Response('the answer', { status: 201, headers }))
    const session = open()
    await session.opened
    expect(session.chosen?.()).toEqual({ variant: 'transcoded', reason: 'codec' })
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
    const given = answer
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    answer = () => held.then(given)
    const session = open()
    await vi.waitFor(() => {
      expect(requests).toHaveLength(1)
    })
    session.close()
    release()
    await session.opened
    expect(deletes()).toEqual(['http://localhost:3000/api/v1/whep/abc'])
    expect(peer.done).not.toContain('remote answer: the answer')
  })

  it('says when nobody can see the picture, one word at a time, the last one at the end', async () => {
    const said = () =>
      requests.filter((request) => request.init?.method === 'PATCH').map((request) => request.init?.body)
    const session = open()
    session.rest?.(true)
    expect(said()).toEqual([])
    await session.opened
    await vi.waitFor(() => {
      expect(said()).toEqual(['{"paused":true}'])
    })
    session.rest?.(false)
    session.rest?.(true)
    session.rest?.(false)
    await vi.waitFor(() => {
      expect(said()).toEqual(['{"paused":true}', '{"paused":false}'])
    })
    expect(new Headers(requests.at(-1)?.init?.headers).get('Content-Type')).toBe('application/json')
    session.close()
    session.rest?.(true)
    await Promise.resolve()
    expect(said()).toHaveLength(2)
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

describe('a session by signed addresses', () => {
  let signed: number
  let refused: Error | undefined
  let ended: Problem[]
  const authorize: Authorize = (renew) => {
    signed += 1
    return refused === undefined ? Promise.resolve(`v1.${renew ? 'fresh' : 'first'}.${signed}`) : Promise.reject(refused)
  }
  const proofs = (method: string) =>
    requests
      .filter((request) => request.init?.method === method)
      .map((request) => new Headers(request.init?.headers).get('Authorization'))

  beforeEach(() => {
    vi.useFakeTimers()
    signed = 0
    refused = undefined
    ended = []
  })

  afterEach(() => {
    vi.useRealTimers()
  })

  function openSigned() {
    return makeWhep({
      url: '/api/v1/streams/gate/sub/whep',
      audio: false,
      authorize,
      onMedia: () => undefined,
      onConnection: () => undefined,
      onEnd: (problem) => ended.push(problem),
      makePeer: () => peer.real,
      send: (address, init) => {
        requests.push({ address, init })
        return init?.method === 'POST' ? answer() : Promise.resolve(new Response(null, { status: 204 }))
      },
    })
  }

  it('opens by one address, goes on by fresh ones and ends by the last', async () => {
    const session = openSigned()
    await session.opened
    expect(proofs('POST')).toEqual(['Bearer v1.first.1'])
    await vi.advanceTimersByTimeAsync(2 * RENEW_EVERY)
    expect(proofs('PATCH')).toEqual(['Bearer v1.fresh.2', 'Bearer v1.fresh.3'])
    session.close()
    expect(proofs('DELETE')).toEqual(['Bearer v1.fresh.3'])
    await vi.advanceTimersByTimeAsync(2 * RENEW_EVERY)
    expect(proofs('PATCH')).toHaveLength(2)
  })

  it('renews again soon where nobody answered', async () => {
    await openSigned().opened
    refused = new Problem(0, { code: 'server_unreachable', values: {} })
    await vi.advanceTimersByTimeAsync(RENEW_EVERY)
    refused = undefined
    await vi.advanceTimersByTimeAsync(RENEW_AGAIN)
    expect(proofs('PATCH')).toEqual(['Bearer v1.fresh.3'])
    expect(ended).toEqual([])
  })

  it('tells when the right to watch has ended', async () => {
    await openSigned().opened
    refused = new Problem(403, { code: 'permission_missing', values: {} })
    await vi.advanceTimersByTimeAsync(RENEW_EVERY)
    expect(ended.map((problem) => problem.reason.code)).toEqual(['permission_missing'])
  })

  it('posts nothing where it was closed before it had an address', async () => {
    const session = openSigned()
    session.close()
    await session.opened
    expect(requests).toEqual([])
  })
})
