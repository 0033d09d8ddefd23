import { beforeEach, expect, it, vi } from 'vitest'
import { makeMediaSocket, type MediaSocket, type TileEvents } from './mediaSocket'

class FakeSocket {
  binaryType = ''
  readyState = 0
  readonly sent: Record<string, unknown>[] = []
  closed = false
  onopen: (() => void) | null = null
  onclose: (() => void) | null = null
  onmessage: ((event: { data: unknown }) => void) | null = null

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>)
  }
  close(): void {
    this.closed = true
  }
  open(): void {
    this.readyState = 1
    this.onopen?.()
  }
  says(word: object): void {
    this.onmessage?.({ data: JSON.stringify(word) })
  }
  brings(kind: number, flags: number, id: number, body: Uint8Array): void {
    const data = new Uint8Array(24 + body.length)
    const view = new DataView(data.buffer)
    view.setUint8(0, kind)
    view.setUint8(1, flags)
    view.setUint16(2, id)
    view.setBigInt64(8, 40_000n)
    view.setBigInt64(16, 1_700_000_000_000_000n)
    data.set(body, 24)
    this.onmessage?.({ data: data.buffer })
  }
}

let sockets: FakeSocket[]
let media: MediaSocket

function tile() {
  return {
    onSubscribed: vi.fn(),
    onConfig: vi.fn(),
    onFrame: vi.fn(),
    onRefused: vi.fn(),
    onLost: vi.fn(),
  } satisfies TileEvents
}

beforeEach(() => {
  sockets = []
  media = makeMediaSocket({
    url: 'wss://vms/media',
    connect: () => {
      const socket = new FakeSocket()
      sockets.push(socket)
      return socket as unknown as WebSocket
    },
  })
})

it('shares one socket, which ends with its last tile', () => {
  const one = media.open({ camera: 'gate', stream: 'sub', address: 'v1.a', codecs: 'h264,vp8' }, tile())
  const two = media.open({ camera: 'yard', stream: 'main', address: undefined, codecs: undefined }, tile())
  const [socket] = sockets
  expect([sockets.length, socket?.sent.length]).toEqual([1, 0])
  socket?.open()
  expect(socket?.sent).toEqual([
    { type: 'subscribe', id: 0, camera: 'gate', stream: 'sub', address: 'v1.a', codecs: 'h264,vp8' },
    { type: 'subscribe', id: 1, camera: 'yard', stream: 'main' },
  ])
  one.renew('v1.b')
  one.close()
  one.close()
  one.renew('v1.c')
  expect(socket?.sent.slice(2)).toEqual([
    { type: 'renew', id: 0, address: 'v1.b' },
    { type: 'unsubscribe', id: 0 },
  ])
  expect(socket?.closed).toBe(false)
  two.close()
  expect(socket?.closed).toBe(true)
  media.open({ camera: 'gate', stream: 'sub', address: 'v1.d' }, tile())
  expect(sockets.length).toBe(2)
})

it('gives each tile what is its own', () => {
  const [one, two] = [tile(), tile()]
  media.open({ camera: 'gate', stream: 'sub' }, one)
  media.open({ camera: 'yard', stream: 'sub' }, two)
  const [socket] = sockets
  socket?.open()
  socket?.says({ type: 'subscribed', id: 1, variant: 'sub', reason: 'codec' })
  const config = { codec: 'avc1.42c00d', width: 320, height: 180, description: btoa('\u0001B') }
  socket?.brings(2, 0, 1, new TextEncoder().encode(JSON.stringify(config)))
  socket?.brings(1, 7, 1, Uint8Array.of(5, 6))
  socket?.brings(1, 0, 1, Uint8Array.of(7))
  socket?.brings(1, 0, 9, Uint8Array.of(8))
  socket?.says({ type: 'waiting', id: 1, reason: 'no_publisher' })
  expect(one.onSubscribed).not.toHaveBeenCalled()
  expect(one.onFrame).not.toHaveBeenCalled()
  expect(two.onSubscribed.mock.calls).toEqual([[{ variant: 'sub', reason: 'codec' }]])
  expect(two.onConfig).toHaveBeenCalledWith({ ...config, description: Uint8Array.of(1, 66) })
  const frame = { shown: 40_000, taken: 1_700_000_000_000_000 }
  expect(two.onFrame.mock.calls).toEqual([
    [{ ...frame, key: true, breaks: true, catchesUp: true, data: Uint8Array.of(5, 6) }],
    [{ ...frame, key: false, breaks: false, catchesUp: false, data: Uint8Array.of(7) }],
  ])
})

it('tells who is refused, and all when the socket is lost', () => {
  const [one, two] = [tile(), tile()]
  media.open({ camera: 'gate', stream: 'sub' }, one)
  media.open({ camera: 'yard', stream: 'sub' }, two)
  const [socket] = sockets
  socket?.open()
  socket?.says({ type: 'ended', id: 0, code: 'address_revoked' })
  socket?.says({ type: 'refused', id: 7 })
  socket?.onclose?.()
  expect(one.onRefused.mock.calls).toEqual([['address_revoked']])
  expect(one.onLost).not.toHaveBeenCalled()
  expect(two.onLost).toHaveBeenCalledOnce()
})

it('pauses a tile that nobody looks at, for as long as it is open', () => {
  const one = media.open({ camera: 'gate', stream: 'sub' }, tile())
  media.open({ camera: 'yard', stream: 'sub' }, tile())
  const [socket] = sockets
  socket?.open()
  one.rest(true)
  one.rest(false)
  one.close()
  one.rest(true)
  expect(socket?.sent.slice(2)).toEqual([
    { type: 'pause', id: 0 },
    { type: 'resume', id: 0 },
    { type: 'unsubscribe', id: 0 },
  ])
})
