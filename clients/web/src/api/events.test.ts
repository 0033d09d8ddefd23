import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { makeEvents, socketUrl } from './events'
import type { StreamStatus } from './streams'
import { streamStatus } from './testing'

class FakeSocket {
  onopen: (() => void) | null = null
  onmessage: ((event: { data: string }) => void) | null = null
  onclose: (() => void) | null = null
  close(): void {
    this.onclose = null
  }
  say(message: unknown): void {
    this.onmessage?.({ data: typeof message === 'string' ? message : JSON.stringify(message) })
  }
}

let sockets: FakeSocket[]
let snapshots: (readonly StreamStatus[])[]
let updates: (readonly StreamStatus[])[]
let connected: boolean[]
let list: () => Promise<readonly StreamStatus[]>
let asked: number

function start() {
  return makeEvents({
    url: 'ws://test',
    pollEvery: 500,
    onSnapshot: (streams) => snapshots.push(streams),
    onStreams: (streams) => updates.push(streams),
    onConnected: (value) => connected.push(value),
    list: () => {
      asked += 1
      return list()
    },
    connect: () => {
      const socket = new FakeSocket()
      sockets.push(socket)
      return socket as unknown as WebSocket
    },
  })
}

beforeEach(() => {
  vi.useFakeTimers()
  sockets = []
  snapshots = []
  updates = []
  connected = []
  asked = 0
  list = () => Promise.resolve([streamStatus()])
})

afterEach(() => {
  vi.useRealTimers()
})

describe('makeEvents', () => {
  it('fills the wall from the list while the socket is still opening', async () => {
    start()
    await vi.advanceTimersByTimeAsync(0)
    expect(snapshots).toHaveLength(1)
    expect(connected).toEqual([true])
  })

  it('listens to the socket and asks no more', async () => {
    start()
    sockets[0]?.onopen?.()
    sockets[0]?.say({ type: 'snapshot', cursor: 1, streams: [streamStatus({ camera: 'pushed' })] })
    sockets[0]?.say({ type: 'stream', stream: streamStatus({ state: 'stalled' }) })
    sockets[0]?.say({ type: 'stats', streams: [streamStatus({ fps: 24 })] })
    await vi.advanceTimersByTimeAsync(3000)
    expect(asked).toBe(1)
    expect(snapshots.map((streams) => streams[0]?.camera)).toEqual(['pushed'])
    expect(updates.map((streams) => streams[0]?.state)).toEqual(['stalled', 'live'])
  })

  it('lets pass what it does not know', () => {
    start()
    sockets[0]?.say({ type: 'weather' })
    sockets[0]?.say('not json')
    expect(updates).toEqual([])
    expect(snapshots).toEqual([])
  })

  it('asks for the list while the socket is away, and says when nobody answers', async () => {
    start()
    sockets[0]?.onopen?.()
    sockets[0]?.say({ type: 'snapshot', cursor: 1, streams: [] })
    list = () => Promise.reject(new Error('down'))
    sockets[0]?.onclose?.()
    await vi.advanceTimersByTimeAsync(0)
    expect(connected.at(-1)).toBe(false)
    list = () => Promise.resolve([streamStatus({ camera: 'back' })])
    await vi.advanceTimersByTimeAsync(500)
    expect(connected.at(-1)).toBe(true)
    expect(snapshots.at(-1)?.[0]?.camera).toBe('back')
  })

  it('says nothing after it was closed', async () => {
    const events = start()
    events.close()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(snapshots).toEqual([])
    expect(connected).toEqual([])
    expect(sockets).toHaveLength(1)
  })

  it('stays silent about a failure that comes after it was closed', async () => {
    list = () => Promise.reject(new Error('down'))
    start().close()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(connected).toEqual([])
  })
})

describe('socketUrl', () => {
  it('is as safe as the page', () => {
    expect(socketUrl({ protocol: 'http:', host: 'localhost:8000' })).toBe('ws://localhost:8000/ws/events')
    expect(socketUrl({ protocol: 'https:', host: 'vms.example' })).toBe('wss://vms.example/ws/events')
  })
})
