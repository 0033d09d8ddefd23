import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { readFrames, readTracks } from '../lib/mp4'
import { makeLiveBuffer, type LiveBuffer } from './liveBuffer'
import type { TileFrame } from './mediaSocket'

/** A buffer that keeps what is put into it, at once where it is not held up. */
class FakeBuffer extends EventTarget {
  updating = false
  appended: Uint8Array[] = []
  readonly removed: number[] = []
  buffered = { length: 0 }
  held = false
  full = false
  appendBuffer(bytes: Uint8Array): void {
    if (this.full) throw new DOMException('full', 'QuotaExceededError')
    this.appended.push(bytes)
    this.buffered.length = 1
    this.updating = true
    if (!this.held) this.finish()
  }
  remove(_from: number, to: number): void {
    this.removed.push(to)
    this.updating = true
    this.finish()
  }
  finish(): void {
    this.updating = false
    this.dispatchEvent(new Event('updateend'))
  }
}

class FakeSource extends EventTarget {
  static readonly all: FakeSource[] = []
  readyState = 'closed'
  readonly buffers: FakeBuffer[] = []
  readonly mimes: string[] = []
  constructor() {
    super()
    FakeSource.all.push(this)
  }
  addSourceBuffer(mime: string): FakeBuffer {
    this.mimes.push(mime)
    const buffer = new FakeBuffer()
    this.buffers.push(buffer)
    return buffer
  }
  open(): void {
    this.readyState = 'open'
    this.dispatchEvent(new Event('sourceopen'))
  }
}

let video: HTMLVideoElement
let live: LiveBuffer
let hide: () => void
let plays: number
const revoked: string[] = []

const config = { codec: 'avc1.42c00d', width: 640, height: 360, description: Uint8Array.of(1, 0x42, 0xc0, 0x0d) }
const TRACK = { id: 1, timescale: 1_000_000 }

function take(seconds: number, change: Partial<TileFrame> = {}): boolean {
  const rest = { breaks: false, catchesUp: false, taken: 0, data: Uint8Array.of(0, 0, 0, 1, 0x65) }
  return live.take({ key: false, shown: 5e9 + Math.round(seconds * 1e6), ...rest, ...change })
}

const source = (): FakeSource => FakeSource.all.at(-1) ?? new FakeSource()
const buffer = (): FakeBuffer => source().buffers.at(-1) ?? new FakeBuffer()
/** When the pictures that were handed over are shown, in seconds of the element. */
const pictures = () => buffer().appended.flatMap((bytes) => readFrames(bytes, TRACK).map((frame) => frame.at_us / 1e6))

beforeEach(() => {
  FakeSource.all.length = 0
  vi.stubGlobal('URL', Object.assign(URL, { createObjectURL: () => 'blob:x', revokeObjectURL: (url: string) => revoked.push(url) }))
  video = document.createElement('video')
  let position = 0
  Object.defineProperty(video, 'currentTime', { get: () => position, set: (value: number) => { position = value } })
  Object.defineProperty(video, 'seeking', { get: () => false })
  video.getVideoPlaybackQuality = () => ({ totalVideoFrames: 3, droppedVideoFrames: 1 }) as VideoPlaybackQuality
  plays = 0
  video.play = () => {
    plays += 1
    return Promise.resolve()
  }
  video.load = vi.fn()
  live = makeLiveBuffer({ Source: FakeSource as unknown as typeof MediaSource })
  hide = live.show(video)
})

afterEach(() => {
  vi.restoreAllMocks()
})

it('begins with a key frame, near the newest picture that is to be shown', () => {
  live.configure(config)
  expect(take(0)).toBe(false)
  expect(take(1, { key: true, catchesUp: true })).toBe(true)
  take(1.5, { catchesUp: true })
  source().open()
  expect(source().mimes).toEqual(['video/mp4; codecs="avc1.42c00d"'])
  expect(readTracks(buffer().appended[0] ?? new Uint8Array())[0]?.width).toBe(640)
  expect(video.currentTime).toBe(0)
  take(2, { catchesUp: true })
  take(2.04)
  expect(pictures()).toEqual([1, 1.5, 2])
  expect(video.currentTime).toBeCloseTo(2.04 - 0.25)
  expect(plays).toBeGreaterThan(0)
  expect(live.stats()).toMatchObject({ framesDecoded: 3, framesDropped: 1 })
})

it('gathers what comes while the browser is busy', () => {
  live.configure(config)
  source().open()
  take(0, { key: true })
  buffer().held = true
  for (const at of [0.04, 0.08, 0.12]) take(at)
  expect(pictures()).toEqual([1])
  buffer().held = false
  buffer().finish()
  expect(pictures()).toEqual([1, 1.04, 1.08])
})

it('forgets whole groups that were shown, and hurries or jumps where it is late', () => {
  live.configure(config)
  source().open()
  for (let at = 0; at < 20; at += 0.5) {
    take(at, { key: at % 4 === 0 })
    video.currentTime = at
  }
  expect(buffer().removed).toEqual([5, 13])
  video.currentTime = 20
  take(20)
  expect(video.playbackRate).toBe(1.05)
  video.currentTime = 2
  take(20.5)
  expect(video.currentTime).toBeCloseTo(21.5 - 0.25)
})

it('begins anew with the next key frame after a fault, a full buffer, another codec and a clock that went back', () => {
  live.configure(config)
  source().open()
  take(0, { key: true })
  take(0.04)
  video.dispatchEvent(new Event('error'))
  expect(FakeSource.all.length).toBe(2)
  expect(take(0.08)).toBe(false)
  source().open()
  take(0.12, { key: true })
  buffer().full = true
  take(0.16)
  expect(FakeSource.all.length).toBe(3)
  source().open()
  take(0.2, { key: true })
  live.configure({ ...config, codec: 'avc1.64001f' })
  expect(take(0.24)).toBe(false)
  take(0.28, { key: true })
  expect(FakeSource.all.length).toBe(4)
  source().open()
  expect(source().mimes).toEqual(['video/mp4; codecs="avc1.64001f"'])
  take(-30)
  take(-29.96)
  expect(FakeSource.all.length).toBe(5)
  expect(revoked.length).toBeGreaterThanOrEqual(4)
})

it('stays farther behind a stream that pauses, and leaves out what the browser never takes', () => {
  live.configure(config)
  source().open()
  for (let at = 0; at < 4; at += 0.5) take(at, { key: at === 0 })
  video.dispatchEvent(new Event('waiting'))
  video.currentTime = 0
  take(4)
  expect(video.currentTime).toBeCloseTo(5 - 0.35)
  buffer().held = true
  for (let count = 0; count < 310; count += 1) take(4 + count / 25)
  expect(take(17)).toBe(false)
})

it('leaves the element as it was', () => {
  live.configure(config)
  hide()
  expect(video.hasAttribute('src')).toBe(false)
  expect(take(0, { key: true })).toBe(false)
  live.close()
})
