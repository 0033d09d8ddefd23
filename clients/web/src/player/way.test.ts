import { beforeEach, describe, expect, it } from 'vitest'
import { Problem } from '../api/problem'
import { makeWays, type Ways, type WaysOptions } from './way'
import { chooseWay, forcedWay, WAYS, type Can, type Way } from './ways'
import type { WhepOptions, WhepSession } from './whep'

let asked: string[]
let clock: number
let last: Opened
/** What sessions of a way are refused for. */
let refusals: Partial<Record<Way, Problem>>

const canOf = (...some: Way[]): Can => ({
  webrtc: some.includes('webrtc'),
  socket: some.includes('socket'),
  mse: some.includes('mse'),
  hls: some.includes('hls'),
})
const noCodec = (camera: string) => new Problem(406, { code: 'no_common_codec', values: { camera } })

interface Opened extends WhepOptions {
  readonly camera?: string
  readonly stream?: string
  readonly codecs?: (() => Promise<string | undefined>) | undefined
}

function opener(way: Way) {
  return (options: Opened): WhepSession => {
    asked.push(options.camera === undefined ? way : `${way} ${options.camera}/${options.stream}`)
    last = options
    const refusal = refusals[way]
    return {
      peer: { getStats: () => Promise.resolve([[way, way]] as const) },
      chosen: () => (way === 'webrtc' ? undefined : { variant: 'transcoded', reason: 'codec' }),
      opened: refusal === undefined ? Promise.resolve() : Promise.reject(refusal),
      rest: (hidden) => asked.push(`${way} ${hidden ? 'paused' : 'goes on'}`),
      close: () => asked.push(`${way} closed`),
    }
  }
}

function make(some: Way[], forced?: Way): Ways {
  const open: WaysOptions['open'] = { webrtc: opener('webrtc'), socket: opener('socket'), mse: opener('mse'), hls: opener('hls') }
  return makeWays({
    can: canOf(...some),
    now: () => clock,
    forced,
    codecs: (way) => Promise.resolve(`codecs of ${way}`),
    media: () => {
      asked.push('socket opened')
      return { open: () => ({ renew: () => undefined, rest: () => undefined, close: () => undefined }) }
    },
    open,
  })
}

function open(ways: Ways): WhepSession {
  const session = ways.of({ camera: 'gate', stream: 'sub', authorize: (kind) => () => Promise.resolve(kind) })({
    url: '/whep',
    audio: false,
    onMedia: () => undefined,
    onConnection: (state) => asked.push(state),
    onEnd: (refusal) => asked.push(`ended: ${refusal.reason.code} ${refusal.reason.values.camera ?? ''}`),
  })
  session.opened.catch(() => undefined)
  return session
}

beforeEach(() => {
  asked = []
  refusals = {}
  clock = 0
})

const ALL = [...WAYS]
it.each<[string, Way[], boolean, Way[], Way | undefined, Way | undefined]>([
  ['all is there', ALL, false, [], undefined, 'webrtc'],
  ['the network lets no WebRTC through', ALL, true, [], undefined, 'socket'],
  ['no H.264 by WebRTC', ['socket', 'mse', 'hls'], false, [], undefined, 'socket'],
  ['no secure context, so no WebCodecs, and no WebRTC', ['webrtc', 'mse'], true, [], undefined, 'mse'],
  ['only the HLS of the browser', ['hls'], false, [], undefined, 'hls'],
  ['WebRTC has not the codec', ALL, false, ['webrtc'], undefined, 'socket'],
  ['neither WebRTC nor WebCodecs have it', ALL, false, ['webrtc', 'socket'], undefined, 'mse'],
  ['nothing has it', ALL, false, ALL, undefined, undefined],
  ['blocked, and the others have not the codec', ALL, true, ['socket', 'mse', 'hls'], undefined, 'webrtc'],
  ['blocked, and nothing else is there', ['webrtc'], true, [], undefined, 'webrtc'],
  ['nothing is there: the server says why not', [], false, [], undefined, 'webrtc'],
  ['nothing was there', [], false, ['webrtc'], undefined, undefined],
  ['one is asked for', ALL, false, [], 'mse', 'mse'],
  ['one is asked for that cannot', ALL, false, ['mse'], 'mse', undefined],
])('chooses where %s', (_, some, blocked, unable, forced, way) => {
  expect(chooseWay({ can: canOf(...some), blocked, unable: new Set(unable), forced })).toBe(way)
})

it('reads the way from the address', () => {
  expect(['?way=mse', '?a=1&way=hls', '?way=pigeon', ''].map(forcedWay)).toEqual(['mse', 'hls', undefined, undefined])
})

it('takes the addresses of each way, and one socket for all tiles', async () => {
  open(make(ALL))
  expect(asked).toEqual(['webrtc'])
  expect(await last.authorize?.(false)).toBe('webrtc')
  const ways = make(['socket'])
  open(ways)
  open(ways)
  expect(asked.slice(1)).toEqual(['socket opened', 'socket gate/sub', 'socket gate/sub'])
  expect(await last.authorize?.(false)).toBe('socket')
  expect(await last.codecs?.()).toBe('codecs of socket')
  open(make(ALL, 'mse'))
  expect(await last.authorize?.(false)).toBe('socket')
  expect(await last.codecs?.()).toBe('codecs of mse')
  open(make(['hls']))
  expect(asked.at(-1)).toBe('hls gate/sub')
  expect(await last.authorize?.(false)).toBe('hls')
  expect(await last.codecs?.()).toBe('codecs of hls')
})

it('takes the socket where no session ever connects, and not where one was only lost', () => {
  const ways = make(['webrtc', 'socket'])
  open(ways)
  last.onConnection('connected')
  last.onConnection('failed')
  open(ways)
  last.onConnection('failed')
  open(ways)
  expect(asked.filter((one) => one === 'webrtc').length).toBe(3)
  last.onConnection('failed')
  open(ways)
  expect(asked.slice(-2)).toEqual(['socket opened', 'socket gate/sub'])
})

describe('a session by WebRTC that was answered and is closed without a connection', () => {
  const opensBy = (ways: Ways) => {
    open(ways)
    return asked.at(-1)
  }
  async function closed(ways: Ways, after: number, leaving = false): Promise<void> {
    const session = open(ways)
    await session.opened
    clock += after
    session.close(leaving)
    session.close()
  }

  it('tells like one that failed that the network lets none through', async () => {
    const ways = make(['webrtc', 'socket'])
    await closed(ways, 3001)
    expect(opensBy(ways)).toBe('webrtc')
    await closed(ways, 3001)
    expect(opensBy(ways)).toBe('socket gate/sub')
  })

  it('counts once, whether it failed or not', async () => {
    const ways = make(['webrtc', 'socket'])
    const session = open(ways)
    await session.opened
    clock += 3001
    last.onConnection('failed')
    session.close()
    expect(opensBy(ways)).toBe('webrtc')
  })

  it('tells nothing where it had no time, the page left, or another one of the page was connected once', async () => {
    const ways = make(['webrtc', 'socket'])
    for (let tries = 0; tries < 3; tries += 1) {
      await closed(ways, 3000)
      await closed(ways, 3001, true)
      refusals = { webrtc: new Problem(503, { code: 'unavailable', values: {} }) }
      const refused = open(ways)
      await refused.opened.catch(() => undefined)
      clock += 9000
      refused.close()
      refusals = {}
    }
    expect(opensBy(ways)).toBe('webrtc')
    last.onConnection('connected')
    for (let tries = 0; tries < 3; tries += 1) await closed(ways, 3001)
    expect(opensBy(ways)).toBe('webrtc')
  })
})

it('goes on by the next way where one has not the codec', async () => {
  refusals = { webrtc: noCodec('H.265') }
  const session = open(make(['webrtc', 'socket', 'mse']))
  expect([session.way, session.chosen?.()]).toEqual(['webrtc', undefined])
  await session.opened
  expect(asked).toEqual(['webrtc', 'webrtc closed', 'socket opened', 'socket gate/sub'])
  expect([session.way, session.chosen?.()]).toEqual(['socket', { variant: 'transcoded', reason: 'codec' }])
  last.onEnd?.(noCodec('H.265'))
  expect(session.way).toBe('mse')
  expect([...(await session.peer.getStats())]).toEqual([['mse', 'mse']])
  last.onEnd?.(noCodec('h265'))
  expect(asked.at(-1)).toBe('ended: no_common_codec H.265')
  session.close()
  expect(asked.at(-1)).toBe('mse closed')
  last.onEnd?.(noCodec('h265'))
  expect(asked.at(-1)).toBe('mse closed')
})

it('pauses a picture that nobody sees, and tells a session that comes after it', () => {
  const session = open(make(['webrtc', 'socket']))
  session.rest?.(true)
  expect(asked).toEqual(['webrtc', 'webrtc paused'])
  last.onEnd?.(noCodec('H.265'))
  expect(asked.slice(2)).toEqual(['webrtc closed', 'socket opened', 'socket gate/sub', 'socket paused'])
  session.rest?.(false)
  expect(asked.at(-1)).toBe('socket goes on')
  last.onEnd?.(noCodec('H.265'))
  expect(asked.at(-1)).toBe('ended: no_common_codec H.265')
})

it('says why no way plays, and does not look for another where that is not the cause', async () => {
  refusals = { webrtc: noCodec('H.265'), socket: noCodec('hvc1') }
  await expect(open(make(['webrtc', 'socket'])).opened).rejects.toMatchObject({ reason: { values: { camera: 'H.265' } } })
  refusals = { webrtc: new Problem(429, { code: 'limit_reached', values: {} }) }
  asked = []
  const session = open(make(ALL))
  await expect(session.opened).rejects.toMatchObject({ status: 429 })
  last.onEnd?.(new Problem(403, { code: 'address_revoked', values: {} }))
  expect(asked).toEqual(['webrtc', 'ended: address_revoked '])
})
