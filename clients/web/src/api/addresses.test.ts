import { expect, it } from 'vitest'
import { fakeServer, refusal } from '../ui/testing'
import { makeAddresses } from './addresses'
import { makeClient } from './client'

interface Body {
  readonly streams: readonly { camera: string; stream: string }[]
  readonly renew: boolean
}

const RELAYS = [
  { urls: ['stun:192.0.2.1'], username: null, credential: null },
  { urls: ['turn:192.0.2.1:3478'], username: '1700000600:ana', credential: 'x' },
]

function make(refused: readonly string[] = []) {
  const server = fakeServer({
    'POST /streams/addresses': ({ body }: { body: Body }) =>
      body.streams.some(({ camera }) => refused.includes(camera))
        ? refusal(403, 'permission_missing')
        : { ice_servers: body.renew ? [] : RELAYS, items: body.streams.map(({ camera, stream }) => ({ camera, stream, address: `v1.${camera}.${stream}` })) },
  })
  const client = makeClient({ send: server.send, renew: () => Promise.resolve(false), csrf: () => 'p' })
  return { server, addresses: makeAddresses(client) }
}

it('asks once for all that open together', async () => {
  const { server, addresses } = make()
  const found = await Promise.all([addresses.of('a', 'sub')(false), addresses.of('b', 'main')(false)])
  expect(found).toEqual(['v1.a.sub', 'v1.b.main'])
  expect(server.asked.map((one) => one.body)).toEqual([
    {
      streams: [
        { camera: 'a', stream: 'sub' },
        { camera: 'b', stream: 'main' },
      ],
      kind: 'webrtc',
      renew: false,
    },
  ])
})

it('asks for openings and renewals apart, and for no more than 128 at once', async () => {
  const { server, addresses } = make()
  const many = Array.from({ length: 130 }, (_, at) => addresses.of(`c${at}`, 'sub')(false))
  await Promise.all([...many, addresses.of('z', 'sub')(true)])
  const bodies = server.asked.map((one) => one.body as Body)
  expect(bodies.map((body) => [body.streams.length, body.renew])).toEqual([
    [128, false],
    [2, false],
    [1, true],
  ])
})

it('refuses alone what is refused', async () => {
  const { addresses } = make(['b'])
  const found = await Promise.allSettled(['a', 'b', 'c'].map((camera) => addresses.of(camera, 'sub')(false)))
  expect(found.map((one) => one.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
})

it('tells of the servers that come with an opening', async () => {
  const { addresses } = make()
  expect(addresses.iceServers()).toEqual([])
  await addresses.of('a', 'sub')(false)
  const told = [{ urls: ['stun:192.0.2.1'] }, { urls: ['turn:192.0.2.1:3478'], username: '1700000600:ana', credential: 'x' }]
  expect(addresses.iceServers()).toEqual(told)
  await addresses.of('a', 'sub')(true)
  expect(addresses.iceServers()).toEqual(told)
})
