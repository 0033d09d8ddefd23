import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { makeSocket } from './socket'

class FakeSocket {
  onopen: (() => void) | null = null
  onmessage: ((event: { data: unknown }) => void) | null = null
  onclose: (() => void) | null = null
  closed = false
  close(): void {
    this.closed = true
  }
}

let sockets: FakeSocket[]
let messages: string[]
let opens: boolean[]

function start() {
  return makeSocket({
    url: 'ws://test/ws/events',
    backoff: { next: () => 1000, reset: () => undefined },
    silence: 5000,
    onMessage: (data) => messages.push(data),
    onOpen: (open) => opens.push(open),
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
  messages = []
  opens = []
})

afterEach(() => {
  vi.useRealTimers()
})

describe('makeSocket', () => {
  it('hands on text and tells when it is open', () => {
    start()
    sockets[0]?.onopen?.()
    sockets[0]?.onmessage?.({ data: 'hello' })
    sockets[0]?.onmessage?.({ data: new ArrayBuffer(1) })
    expect(messages).toEqual(['hello'])
    expect(opens).toEqual([true])
  })

  it('comes back after a loss', () => {
    start()
    sockets[0]?.onopen?.()
    sockets[0]?.onclose?.()
    expect(opens).toEqual([true, false])
    vi.advanceTimersByTime(999)
    expect(sockets).toHaveLength(1)
    vi.advanceTimersByTime(1)
    expect(sockets).toHaveLength(2)
    sockets[1]?.onopen?.()
    expect(opens).toEqual([true, false, true])
  })

  it('gives up a connection that says nothing', () => {
    start()
    sockets[0]?.onopen?.()
    vi.advanceTimersByTime(4000)
    sockets[0]?.onmessage?.({ data: 'tick' })
    vi.advanceTimersByTime(4999)
    expect(sockets[0]?.closed).toBe(false)
    vi.advanceTimersByTime(1)
    expect(sockets[0]?.closed).toBe(true)
    vi.advanceTimersByTime(1000)
    expect(sockets).toHaveLength(2)
  })

  it('stays closed once closed', () => {
    const socket = start()
    sockets[0]?.onopen?.()
    socket.close()
    expect(sockets[0]?.closed).toBe(true)
    expect(opens).toEqual([true, false])
    vi.advanceTimersByTime(60_000)
    expect(sockets).toHaveLength(1)
  })
})
