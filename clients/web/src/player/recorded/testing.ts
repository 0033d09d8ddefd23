import { Problem } from '../../api/problem'
import { SECOND } from '../../lib/zone'
import type { Group, Groups } from '../groups'
import type { Sink } from '../sink'

/** Recorded video as a test makes it: groups of a second, ten frames each, and holes. */

const bytes = (...parts: readonly (number | string | Uint8Array)[]): Uint8Array<ArrayBuffer> => {
  const list = parts.flatMap((part) => {
    if (typeof part === 'string') return [...new TextEncoder().encode(part)]
    return typeof part === 'number' ? [part] : [...part]
  })
  return new Uint8Array(list)
}
const u32 = (value: number) => bytes((value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255)
const box = (type: string, ...content: readonly Uint8Array[]) => {
  const size = content.reduce((sum, part) => sum + part.length, 8)
  return bytes(u32(size), type, ...content)
}
const zeros = (count: number) => new Uint8Array(count)

function track(id: number, handler: string, entry: Uint8Array): Uint8Array {
  const header = box('tkhd', u32(0), u32(0), u32(0), u32(id), zeros(64))
  const media = box('mdhd', u32(0), u32(0), u32(0), u32(1_000_000), zeros(8))
  const kind = box('hdlr', u32(0), u32(0), bytes(handler), zeros(13))
  const table = box('minf', box('stbl', box('stsd', u32(0), u32(1), entry)))
  return box('trak', header, box('mdia', media, kind, table))
}

/** Of H.264, with a track of G.711 that no browser plays. */
export function initSegment(): Uint8Array<ArrayBuffer> {
  const video = box('avc3', zeros(78), box('avcC', bytes(1, 0x42, 0xc0, 0x1f)))
  return box('moov', track(1, 'vide', video), track(2, 'soun', box('alaw', zeros(28))))
}

/** One fragment of frames of a tenth of a second; the timescale is microseconds. */
export function segment(from: number, frames: number, every = SECOND / 10): Uint8Array<ArrayBuffer> {
  const samples = Array.from({ length: frames }, (_, index) => bytes(u32(every), u32(index === 0 ? 0 : 0x10000)))
  const run = box('trun', u32(0x500), u32(frames), ...samples)
  const time = box('tfdt', bytes(1, 0, 0, 0), u32(Math.floor(from / 2 ** 32)), u32(from % 2 ** 32))
  return box('moof', box('traf', box('tfhd', u32(0), u32(1)), time, run))
}

export interface Recorded {
  readonly from: number
  readonly to: number
  readonly reason?: string
}

export interface FakeGroups extends Groups {
  readonly asked: string[]
  spans: readonly Recorded[]
  refuse: Problem | undefined
}

/** What a server of these recordings answers. `reason` says why there is nothing after a span. */
export function fakeGroups(...spans: readonly Recorded[]): FakeGroups {
  function starts(): { at: number; to: number; gap: string | undefined }[] {
    return fake.spans.flatMap(({ from, to, reason }) =>
      Array.from({ length: Math.ceil((to - from) / SECOND) }, (_, index) => {
        const at = from + index * SECOND
        return { at, to: Math.min(at + SECOND, to), gap: at + SECOND >= to ? reason : undefined }
      }),
    )
  }
  const fake: FakeGroups = {
    asked: [],
    spans,
    refuse: undefined,
    init(at) {
      fake.asked.push(`init ${at}`)
      return Promise.resolve(initSegment())
    },
    get(at, keys, signal) {
      fake.asked.push(keys === undefined ? `${at}` : `${at} keys=${keys}`)
      if (signal.aborted) return Promise.reject(new Error('aborted'))
      if (fake.refuse !== undefined) return Promise.reject(fake.refuse)
      const all = starts()
      const first = all.findIndex((group) => group.to > at)
      const begin = all[first]
      if (begin === undefined) return Promise.reject(new Problem(404, { code: 'no_recording', values: {} }))
      let last = first
      // An answer ends before a gap.
      while (last - first + 1 < (keys ?? 1) && all[last + 1]?.at === all[last]?.to) last += 1
      const end = all[last] ?? begin
      const content = keys === undefined ? segment(begin.at, 10) : bytes(...all.slice(first, last + 1).map((group) => segment(group.at, 1)))
      const group: Group = {
        bytes: content,
        from: begin.at,
        to: end.to,
        next: all[last + 1]?.at,
        previous: all[first - 1]?.at,
        init: 'one',
        gap: end.gap,
      }
      return Promise.resolve(group)
    },
    look: (at, signal) => fake.get(at, 1, signal),
  }
  return fake
}

export interface FakeSink extends Sink {
  readonly done: string[]
  rate: number
  at: number
  codecs: RegExp
  fail: Error | undefined
}

/** A sink that shows a picture wherever something was put in. */
export function fakeSink(): FakeSink {
  const held: number[] = []
  const sink: FakeSink = {
    done: [],
    rate: 0,
    at: 0,
    codecs: /avc|mp4a|opus/,
    fail: undefined,
    canPlay: (mime) => sink.codecs.test(mime),
    begin(mime) {
      sink.done.push(`begin ${mime}`)
      return Promise.resolve()
    },
    append(content) {
      if (sink.fail !== undefined) return Promise.reject(sink.fail)
      held.push(content.length)
      sink.done.push('append')
      return Promise.resolve()
    },
    remove(from, to) {
      sink.done.push(`remove ${from} ${to}`)
      return Promise.resolve()
    },
    reset(near) {
      held.length = 0
      sink.done.push(`reset ${near}`)
      return Promise.resolve()
    },
    position: () => sink.at,
    seek(us) {
      sink.at = us
      sink.done.push(`seek ${us}`)
    },
    seeking: () => false,
    hasPicture: () => held.length > 0,
    setRate(rate) {
      sink.rate = rate
    },
    close() {
      sink.done.push('close')
    },
  }
  return sink
}
