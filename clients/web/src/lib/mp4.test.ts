import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { segment } from '../player/recorded/testing'
import { hideTracks, joinFrames, mimeOf, readFrames, readTracks } from './mp4'

/** Two seconds of 10 frames a second, two groups with B frames, and sound. Made by ffmpeg, as is the other. */
const sound = () => new Uint8Array(readFileSync(`${import.meta.dirname}/fixtures/sound.mp4`))
const hevc = () => new Uint8Array(readFileSync(`${import.meta.dirname}/fixtures/hevc.mp4`))

describe('an init segment', () => {
  it('names its tracks as browsers do', () => {
    const tracks = readTracks(sound())
    expect(tracks).toMatchObject([
      { id: 1, kind: 'video', width: 64, height: 64, timescale: 10240 },
      { id: 2, kind: 'audio', codec: 'mp4a.40.2', timescale: 16000 },
    ])
    expect(mimeOf(tracks)).toMatch(/^video\/mp4; codecs="avc1\.[0-9a-f]{6}, mp4a\.40\.2"$/)
  })

  it('of H.265 tells profile, tier and level', () => {
    expect(readTracks(hevc())[0]?.codec).toMatch(/^hev1\.1\.6\.L30(\.[0-9A-F]{1,2}){1,6}$/)
  })
})

describe('a fragment', () => {
  it('tells when each picture is shown, in that order', () => {
    const frames = readFrames(sound(), { id: 1, timescale: 10240 })
    expect(frames).toHaveLength(20)
    const first = frames[0]?.at_us ?? NaN
    expect(frames.map((frame) => frame.at_us - first)).toEqual(Array.from({ length: 20 }, (_, index) => index * 100_000))
    expect(frames.filter((frame) => frame.key).map((frame) => frame.at_us - first)).toEqual([0, 1_000_000])
    expect(frames.every((frame) => frame.to_us - frame.at_us === 100_000)).toBe(true)
  })

  it('has no pictures of a track that is not in it', () => {
    expect(readFrames(sound(), { id: 7, timescale: 1 })).toEqual([])
  })

  it('is read up to where it was cut off', () => {
    expect(() => readFrames(sound().slice(0, 2000), { id: 1, timescale: 10240 })).not.toThrow()
  })
})

it('a track that is hidden is gone, and all else stays where it was', () => {
  const bytes = sound()
  hideTracks(bytes, new Set([2]))
  expect(readTracks(bytes).map((track) => track.id)).toEqual([1])
  expect(readFrames(bytes, { id: 2, timescale: 16000 })).toEqual([])
  expect(readFrames(bytes, { id: 1, timescale: 10240 })).toHaveLength(20)
  expect(bytes).toHaveLength(sound().length)
})

it('key frames that stand alone are made to last until the next one', () => {
  const track = { id: 1, timescale: 1_000_000 }
  const one = segment(5_000_000, 1)
  const other = segment(7_000_000, 1)
  const bytes = new Uint8Array([...one, ...other])
  joinFrames(bytes, track, 9_000_000)
  expect(readFrames(bytes, track)).toMatchObject([
    { at_us: 5_000_000, to_us: 7_000_000, key: true },
    { at_us: 7_000_000, to_us: 9_000_000, key: true },
  ])
  // Of several frames with one duration for all there is no last one to change.
  const whole = sound()
  joinFrames(whole, { id: 1, timescale: 10240 }, 5_000_000)
  expect(whole).toEqual(sound())
})
