import { beforeEach, expect, it } from 'vitest'
import { makeWays, type Ways } from './way'
import type { WhepOptions, WhepSession } from './whep'

let asked: string[]
let last: WhepOptions

const session: WhepSession = {
  peer: { getStats: () => Promise.resolve([]) },
  opened: Promise.resolve(),
  close: () => undefined,
}

function make(webrtc: boolean, socket: boolean): Ways {
  return makeWays({
    webrtc,
    socket,
    media: () => {
      asked.push('socket opened')
      return { open: () => ({ renew: () => undefined, close: () => undefined }) }
    },
    whep: (options) => {
      asked.push('webrtc')
      last = options
      return session
    },
    session: (options) => {
      asked.push(`socket ${options.camera}/${options.stream}`)
      last = options
      return session
    },
  })
}

const signed = (kind: string) => () => Promise.resolve(kind)
const wanted: WhepOptions = {
  url: '/whep',
  audio: false,
  authorize: signed('webrtc'),
  onMedia: () => undefined,
  onConnection: (state) => asked.push(state),
}

function open(ways: Ways): void {
  ways.of({ camera: 'gate', stream: 'sub', authorize: signed('socket') })(wanted)
}

beforeEach(() => {
  asked = []
})

it('takes WebRTC where it can, and its own addresses for each way', async () => {
  open(make(true, true))
  expect(asked).toEqual(['webrtc'])
  expect(await last.authorize?.(false)).toBe('webrtc')
  const ways = make(false, true)
  open(ways)
  open(ways)
  expect(asked.slice(1)).toEqual(['socket opened', 'socket gate/sub', 'socket gate/sub'])
  expect(await last.authorize?.(false)).toBe('socket')
})

it('has no choice where the browser cannot decode', () => {
  open(make(false, false))
  expect(asked).toEqual(['webrtc'])
})

it('takes the socket where no session ever connects, and not where one was only lost', () => {
  const ways = make(true, true)
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
