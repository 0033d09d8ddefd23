import { describe, expect, it } from 'vitest'
import { readFrames, readTracks } from '../lib/mp4'
import { canHold, fragment, initSegment, join, mimeOf } from './fmp4'

/** Baseline, level 1.3: no more than a browser looks at before frames come. */
const AVCC = Uint8Array.of(1, 0x42, 0xc0, 0x0d, 0xff, 0xe0, 0)
const config = { codec: 'avc1.42c00d', width: 640, height: 360, description: AVCC }
const TRACK = { id: 1, timescale: 1_000_000 }

/** Boxes one after the other, with the places of their content. */
function boxes(bytes: Uint8Array, from = 0, to = bytes.length): { type: string; from: number; to: number }[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const found = []
  for (let at = from; at < to; at += view.getUint32(at)) {
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8))
    found.push({ type, from: at + 8, to: at + view.getUint32(at) })
  }
  return found
}

describe('the head of a file', () => {
  it('says how frames are decoded', () => {
    const init = initSegment(config)
    expect(boxes(init).map(({ type, to }) => [type, to])).toEqual([['ftyp', 24], ['moov', init.length]])
    expect(readTracks(init)).toEqual([{ id: 1, kind: 'video', codec: 'avc1.42c00d', timescale: 1_000_000, width: 640, height: 360 }])
    expect(mimeOf(config)).toBe('video/mp4; codecs="avc1.42c00d"')
  })

  it('of H.265 has its record', () => {
    const record = new Uint8Array(23)
    record.set([1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 93])
    const [track] = readTracks(initSegment({ ...config, codec: 'hvc1.1.6.L93.90', description: record }))
    expect(track?.codec).toBe('hvc1.1.6.L93.90')
  })
})

describe('a fragment', () => {
  it('is one frame with its times', () => {
    const data = Uint8Array.of(0, 0, 0, 1, 0x65)
    const key = fragment(1, { shown: 1_040_000, decode: 1_000_000, lasts: 40_000, key: true, data })
    const next = fragment(2, { shown: 1_060_000, decode: 1_080_000, lasts: 20_000, key: false, data })
    expect(boxes(key).map(({ type }) => type)).toEqual(['moof', 'mdat'])
    expect(readFrames(join([key, next]), TRACK)).toEqual([
      { at_us: 1_040_000, to_us: 1_080_000, key: true },
      { at_us: 1_060_000, to_us: 1_080_000, key: false },
    ])
  })

  it('says where its data are, and holds times of more than 32 bits', () => {
    const data = Uint8Array.of(7, 8, 9)
    const late = 2 ** 40 + 5
    const bytes = fragment(9, { shown: late, decode: late, lasts: 1, key: true, data })
    expect(readFrames(bytes, TRACK)[0]?.at_us).toBe(late)
    const run = bytes.findIndex((_, at) => String.fromCharCode(...bytes.subarray(at, at + 4)) === 'trun') + 4
    const offset = new DataView(bytes.buffer).getUint32(run + 8)
    expect([...bytes.subarray(offset)]).toEqual([7, 8, 9])
  })
})

it('describes AV1 and VP9 by boxes of their own, and holds no other codec', () => {
  for (const [codec, name] of [
    ['av01.0.04M.08', 'av1C'],
    ['vp09.00.30.08', 'vpcC'],
  ] as const) {
    const text = String.fromCharCode(...initSegment({ codec, width: 320, height: 180, description: Uint8Array.of(7) }))
    expect(text).toContain(codec.slice(0, 4))
    expect(text).toContain(name)
    expect(canHold({ codec })).toBe(true)
  }
  expect(['vp8', 'mjpeg', 'mp4v.20.1'].filter((codec) => canHold({ codec }))).toEqual([])
})
