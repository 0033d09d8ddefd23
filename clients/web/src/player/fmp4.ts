/** Writes fragmented MP4 (ISO/IEC 14496-12) of one video track, a frame a fragment: what Media Source Extensions take. */
import type { TileConfig } from './mediaSocket'

/** One frame; its times count in microseconds from the beginning of the file. */
export interface Sample {
  readonly shown: number
  /** Its turn among the frames: never less than that of the one before. */
  readonly decode: number
  readonly lasts: number
  readonly key: boolean
  /** NAL units, each with its length in 4 bytes. */
  readonly data: Uint8Array
}

const TRACK = 1
/** Ticks a second: times are kept as they are. */
const TIMESCALE = 1_000_000
/** Of `tfhd`: data begin where the `moof` begins. */
const BASE_IS_MOOF = 0x20000
/** Of `trun`: where data begin, then of each sample how long it lasts, its size, its flags and its time of presentation. */
const RUN = 0x1 | 0x100 | 0x200 | 0x400 | 0x800
/** Flags of a sample (8.8.3.1): whether it depends on others. */
const ALONE = 0x0200_0000
const DEPENDS = 0x0101_0000
/** Of a box: its size and its name. */
const BOX_HEAD = 8
const MOOF_SIZE = moof(0, { shown: 0, decode: 0, lasts: 0, key: true, data: new Uint8Array() }, 0).length
const UNITY = [u32(0x10000), zeros(12), u32(0x10000), zeros(12), u32(0x4000_0000)]

/** What MSE is told of a stream. */
export function mimeOf(config: Pick<TileConfig, 'codec'>): string {
  return `video/mp4; codecs="${config.codec}"`
}

/** The box of a sample entry that describes its codec, of those that browsers take in MP4. */
const BOXES: Readonly<Record<string, string>> = {
  avc1: 'avcC',
  avc3: 'avcC',
  hvc1: 'hvcC',
  hev1: 'hvcC',
  av01: 'av1C',
  vp09: 'vpcC',
}

/** Whether a stream can be put into a file of this kind. */
export function canHold(config: Pick<TileConfig, 'codec'>): boolean {
  return config.codec.slice(0, 4) in BOXES
}

/** The head of a file: how its frames are decoded. */
export function initSegment(config: TileConfig): Uint8Array<ArrayBuffer> {
  const { codec, width, height, description } = config
  const kind = codec.slice(0, 4)
  const entry = box(
    kind,
    zeros(6),
    u16(1),
    zeros(16),
    u16(width),
    u16(height),
    u32(0x48_0000),
    u32(0x48_0000),
    u32(0),
    u16(1),
    zeros(32),
    u16(24),
    u16(0xffff),
    box(BOXES[kind] ?? 'hvcC', description),
  )
  const table = box(
    'stbl',
    full('stsd', 0, 0, u32(1), entry),
    ...['stts', 'stsc', 'stco'].map((name) => full(name, 0, 0, u32(0))),
    full('stsz', 0, 0, zeros(8)),
  )
  const place = box('dinf', full('dref', 0, 0, u32(1), full('url ', 0, 1)))
  const media = box(
    'mdia',
    full('mdhd', 0, 0, zeros(8), u32(TIMESCALE), u32(0), u16(0x55c4), u16(0)),
    full('hdlr', 0, 0, zeros(4), name('vide'), zeros(13)),
    box('minf', full('vmhd', 0, 1, zeros(8)), place, table),
  )
  const size = [u16(width), u16(0), u16(height), u16(0)]
  const header = full('tkhd', 0, 3, zeros(8), u32(TRACK), zeros(8), zeros(16), ...UNITY, ...size)
  const movie = full('mvhd', 0, 0, zeros(8), u32(TIMESCALE), u32(0), u32(0x10000), u16(0x100), zeros(10), ...UNITY, zeros(24), u32(2))
  const extends_ = box('mvex', full('trex', 0, 0, u32(TRACK), u32(1), zeros(12)))
  return join([box('ftyp', name('iso6'), u32(0), name('iso6'), name('mp41')), box('moov', movie, box('trak', header, media), extends_)])
}

/** One frame as a fragment. */
export function fragment(sequence: number, sample: Sample): Uint8Array<ArrayBuffer> {
  const { data } = sample
  return join([moof(sequence, sample, MOOF_SIZE + BOX_HEAD), u32(data.length + BOX_HEAD), name('mdat'), data])
}

/** What a fragment says of its one frame, whose bytes begin at `offset`. */
function moof(sequence: number, sample: Sample, offset: number): Uint8Array<ArrayBuffer> {
  const { shown, decode, lasts, key, data } = sample
  const run = [u32(1), u32(offset), u32(lasts), u32(data.length), u32(key ? ALONE : DEPENDS), u32(shown - decode)]
  return box(
    'moof',
    full('mfhd', 0, 0, u32(sequence)),
    box('traf', full('tfhd', 0, BASE_IS_MOOF, u32(TRACK)), full('tfdt', 1, 0, u64(decode)), full('trun', 1, RUN, ...run)),
  )
}

function box(type: string, ...content: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const size = content.reduce((sum, part) => sum + part.length, 8)
  return join([u32(size), name(type), ...content])
}

/** A box with a version and flags. */
function full(type: string, version: number, flags: number, ...content: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return box(type, u32(version * 2 ** 24 + flags), ...content)
}

export function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

function name(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0))
}

function u16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value)
}

/** Of 32 bits; a negative one as its complement of two. */
function u32(value: number): Uint8Array {
  return Uint8Array.of(value >> 24, value >> 16, value >> 8, value)
}

/** Exact up to 2^53. */
function u64(value: number): Uint8Array {
  return join([u32(Math.floor(value / 2 ** 32)), u32(value % 2 ** 32)])
}

function zeros(count: number): Uint8Array {
  return new Uint8Array(count)
}
