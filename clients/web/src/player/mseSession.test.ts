import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { makeHlsSession } from './hlsSession'
import type { LiveBuffer } from './liveBuffer'
import type { TileEvents, TileFrame } from './mediaSocket'
import { showMedia, type Media } from './media'
import { makeMseSession } from './mseSession'
import { readCounters } from './stats'
import type { WhepSession } from './whep'

let events: TileEvents
let told: string[]
let taken: TileFrame[]
let session: WhepSession
let shown: number
/** What the buffer says of the next frame. */
let takes: boolean

const config = { codec: 'avc1.42c00d', width: 640, height: 360, description: Uint8Array.of(1) }
const frame: TileFrame = { key: true, breaks: false, catchesUp: false, shown: 1, taken: 0, data: Uint8Array.of(1, 2) }

const buffer: LiveBuffer = {
  configure: ({ codec }) => told.push(codec),
  take: (one) => {
    taken.push(one)
    return takes
  },
  stats: () => ({ framesDecoded: shown, framesDropped: 1, frameWidth: 640, jitterBufferDelay: 3, jitterBufferEmittedCount: 10 }),
  show: () => () => undefined,
  close: () => told.push('buffer closed'),
}

beforeEach(async () => {
  told = []
  taken = []
  shown = 0
  takes = false
  session = makeMseSession({
    url: '',
    audio: false,
    camera: 'gate',
    stream: 'sub',
    socket: {
      open: ({ camera, stream, codecs }, mine) => {
        told.push(`open ${camera}/${stream} ${codecs ?? 'of any codec'}`)
        events = mine
        return { renew: () => undefined, rest: () => undefined, close: () => told.push('tile closed') }
      },
    },
    codecs: () => Promise.resolve('h264,vp9'),
    buffer,
    canPlay: (mime) => mime.includes('avc1'),
    onMedia: (media) => told.push(media === buffer ? 'its media' : 'other media'),
    onConnection: (state) => told.push(state),
    onEnd: (refusal) => told.push(`${refusal.status} ${refusal.reason.code} ${refusal.reason.values.camera}`),
  })
  // Once address and codecs are known.
  await new Promise((resolve) => setTimeout(resolve))
  events.onSubscribed({ variant: 'transcoded', reason: 'codec' })
  await session.opened
})

afterEach(() => {
  vi.restoreAllMocks()
})

it('hands frames to the buffer in the element, and is connected with the first that can be shown', async () => {
  expect(told).toEqual(['its media', 'open gate/sub h264,vp9'])
  expect(session.chosen?.()).toEqual({ variant: 'transcoded', reason: 'codec' })
  events.onConfig(config)
  events.onFrame(frame)
  expect(told.at(-1)).toBe('avc1.42c00d')
  takes = true
  events.onFrame(frame)
  events.onFrame(frame)
  expect(told.filter((one) => one === 'connected').length).toBe(1)
  expect(taken.length).toBe(3)
  expect(readCounters(await session.peer.getStats())).toBeUndefined()
  shown = 10
  const counters = readCounters(await session.peer.getStats())
  expect(counters).toMatchObject({ framesReceived: 10, framesDecoded: 10, framesDropped: 1, bytes: 6, width: 640, codec: config.codec })
  session.close()
  expect(told.slice(-2)).toEqual(['tile closed', 'buffer closed'])
})

it('says that the browser cannot play what the camera sends', () => {
  events.onConfig({ ...config, codec: 'hvc1.1.6.L93.90' })
  events.onFrame(frame)
  expect(told.at(-1)).toBe('406 no_common_codec H.265')
  expect(taken).toEqual([])
  events.onConfig({ ...config, codec: 'av01.0.04M.08' })
  expect(told.at(-1)).toBe('406 no_common_codec AV1')
})

it('by HLS shows the playlist of the stream, and counts what was shown', async () => {
  const video = document.createElement('video')
  video.getVideoPlaybackQuality = () => ({ totalVideoFrames: shown, droppedVideoFrames: 0 }) as VideoPlaybackQuality
  vi.spyOn(video, 'load').mockImplementation(() => undefined)
  let end = (): void => undefined
  const show = (media: Media): void => {
    end = showMedia(video, media)
  }
  const of = { url: '', audio: false, camera: 'gate 1', stream: 'sub', onMedia: show, onConnection: (state: string) => told.push(state) }
  const hls = makeHlsSession(of)
  await hls.opened
  expect(video.getAttribute('src')).toBe('/live/gate%201/sub/index.m3u8')
  expect(readCounters(await hls.peer.getStats())).toBeUndefined()
  shown = 5
  expect(readCounters(await hls.peer.getStats())).toMatchObject({ framesReceived: 5, framesDecoded: 5 })
  video.dispatchEvent(new Event('error'))
  expect(told.at(-1)).toBe('failed')
  end()
  expect(video.hasAttribute('src')).toBe(false)
  hls.close()
  await makeHlsSession({ ...of, authorize: () => Promise.resolve('v1.x') }).opened
  expect(video.getAttribute('src')).toBe('/live/t/v1.x/gate%201/sub/index.m3u8')
  end()
  await makeHlsSession({ ...of, codecs: () => Promise.resolve('h264,h265') }).opened
  expect(video.getAttribute('src')).toBe('/live/gate%201/sub/index.m3u8?codecs=h264,h265')
})
