import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Problem } from '../api/problem'
import type { TileEvents, TileFrame } from './mediaSocket'
import { makeSocketSession, type SocketSessionOptions } from './socketSession'
import { readCounters } from './stats'
import { RENEW_EVERY, type WhepSession } from './whep'

class FakeDecoder {
  state = 'unconfigured'
  decodeQueueSize = 0
  readonly done: string[] = []
  constructor(readonly init: VideoDecoderInit) {}
  reset(): void {
    this.state = 'unconfigured'
  }
  configure(config: VideoDecoderConfig): void {
    this.state = 'configured'
    this.done.push(`configure ${config.codec}`)
  }
  decode(chunk: { type: string; timestamp: number }): void {
    this.done.push(`${chunk.type} ${chunk.timestamp}`)
  }
  close(): void {
    this.state = 'closed'
    this.done.push('closed')
  }
  shows(timestamp: number): { close: ReturnType<typeof vi.fn> } {
    const frame = { timestamp, displayWidth: 320, displayHeight: 180, close: vi.fn() }
    this.init.output(frame as unknown as VideoFrame)
    return frame
  }
}

let events: TileEvents
let decoder: FakeDecoder
let drawn: number[]
let told: string[]
let renewed: string[]
let session: WhepSession

const H264_ALONE: Pick<SocketSessionOptions, 'canPlay'> = { canPlay: ({ codec }) => Promise.resolve(codec.startsWith('avc1')) }

function start(authorize?: (renew: boolean) => Promise<string>, able = H264_ALONE): void {
  session = makeSocketSession({
    url: '',
    audio: false,
    camera: 'gate',
    stream: 'sub',
    ...(authorize === undefined ? {} : { authorize }),
    socket: {
      open: ({ camera, stream, address }, mine) => {
        told.push(`open ${camera}/${stream} ${address ?? 'freely'}`)
        events = mine
        return { renew: (fresh) => renewed.push(fresh), rest: (hidden) => told.push(`rest ${String(hidden)}`), close: () => told.push('close') }
      },
    },
    sends: () => 'h265',
    ...able,
    makeDecoder: (init) => {
      decoder = new FakeDecoder(init)
      return decoder as unknown as VideoDecoder
    },
    makeCanvas: () => ({
      media: { getTracks: () => [{ stop: () => told.push('stopped') }] } as unknown as MediaStream,
      draw: (frame) => drawn.push(frame.timestamp),
    }),
    onMedia: () => told.push('media'),
    onConnection: (state) => told.push(state),
    onEnd: (refusal) => told.push(`end ${refusal.status} ${refusal.reason.code}`),
  })
}

function frame(shown: number, change: Partial<TileFrame> = {}): void {
  events.onFrame({ key: false, breaks: false, catchesUp: false, shown, taken: 0, data: Uint8Array.of(1, 2), ...change })
}

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal(
    'EncodedVideoChunk',
    class {
      constructor(readonly init: { type: string; timestamp: number }) {
        return init as never
      }
    },
  )
  drawn = []
  told = []
  renewed = []
})

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const config = { codec: 'avc1.42c00d', width: 320, height: 180, description: Uint8Array.of(1) }

it('begins with a key frame, shows no picture of the past, and counts', async () => {
  start()
  await vi.advanceTimersByTimeAsync(0)
  events.onSubscribed(undefined)
  await session.opened
  expect(told).toEqual(['open gate/sub freely'])
  events.onConfig(config)
  frame(1)
  frame(2, { key: true, breaks: true, catchesUp: true })
  frame(3)
  expect(decoder.done).toEqual(['configure avc1.42c00d', 'key 2', 'delta 3'])
  expect(readCounters(await session.peer.getStats())).toBeUndefined()
  const past = decoder.shows(2)
  expect(past.close).toHaveBeenCalledOnce()
  expect(drawn).toEqual([])
  decoder.shows(3)
  decoder.shows(4)
  expect(drawn).toEqual([3, 4])
  expect(told.slice(1)).toEqual(['connected', 'media'])
  const counters = readCounters(await session.peer.getStats())
  expect(counters).toMatchObject({ framesReceived: 3, framesDecoded: 3, framesDropped: 1, bytes: 6, width: 320 })
  session.close()
  expect(decoder.done.at(-1)).toBe('closed')
  expect(told.slice(-2)).toEqual(['close', 'stopped'])
})

it('begins anew after a break, a fault of the decoder, and when it cannot follow', async () => {
  start()
  await vi.advanceTimersByTimeAsync(0)
  events.onConfig(config)
  frame(1, { key: true })
  frame(2, { key: true, breaks: true })
  decoder.init.error(new DOMException('no'))
  frame(3)
  frame(4, { key: true })
  decoder.decodeQueueSize = 31
  frame(5)
  decoder.decodeQueueSize = 0
  frame(6)
  frame(7, { key: true })
  const configured = 'configure avc1.42c00d'
  expect(decoder.done).toEqual([configured, 'key 1', configured, 'key 2', configured, 'key 4', configured, 'key 7'])
})

it('renews by fresh addresses, and says why it may not go on', async () => {
  start((renew) => (renew && renewed.length > 0 ? Promise.reject(new Problem(403, { code: 'no', values: {} })) : Promise.resolve(`v1.${renew}`)))
  await vi.advanceTimersByTimeAsync(0)
  expect(told).toEqual(['open gate/sub v1.false'])
  events.onSubscribed(undefined)
  await vi.advanceTimersByTimeAsync(RENEW_EVERY)
  expect(renewed).toEqual(['v1.true'])
  await vi.advanceTimersByTimeAsync(RENEW_EVERY)
  expect(told.at(-1)).toBe('end 403 no')
  events.onRefused('address_revoked')
  expect(told.at(-1)).toBe('end 403 address_revoked')
  events.onLost()
  expect(told.at(-1)).toBe('closed')
})

it('is paused while nobody sees it, also where that was said before it was open', async () => {
  start()
  session.rest?.(true)
  expect(told).toEqual([])
  await vi.advanceTimersByTimeAsync(0)
  session.rest?.(false)
  expect(told).toEqual(['open gate/sub freely', 'rest true', 'rest false'])
})

it('is refused with the status that other ways have', async () => {
  start()
  await vi.advanceTimersByTimeAsync(0)
  events.onRefused('limit_reached')
  await expect(session.opened).rejects.toMatchObject({ status: 429, reason: { code: 'limit_reached' } })
})

it('says which codec of the camera nobody could convert, so that another way is tried', async () => {
  start()
  await vi.advanceTimersByTimeAsync(0)
  events.onRefused('no_common_codec')
  const reason = { code: 'no_common_codec', values: { camera: 'H.265' } }
  await expect(session.opened).rejects.toMatchObject({ status: 406, reason })
})

it('says that the browser cannot decode what the camera sends', async () => {
  start()
  await vi.advanceTimersByTimeAsync(0)
  events.onConfig({ ...config, codec: 'hvc1.1.6.L93.90' })
  await vi.advanceTimersByTimeAsync(0)
  expect(told.at(-1)).toBe('end 406 no_common_codec')
})

it('takes a codec that the browser cannot even read the name of for one that it cannot decode', async () => {
  const isConfigSupported = () => Promise.reject(new TypeError('no such codec'))
  vi.stubGlobal('VideoDecoder', { isConfigSupported })
  start(undefined, {})
  await vi.advanceTimersByTimeAsync(0)
  events.onConfig(config)
  await vi.advanceTimersByTimeAsync(0)
  expect(told.at(-1)).toBe('end 406 no_common_codec')
})
