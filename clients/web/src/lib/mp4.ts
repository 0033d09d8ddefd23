/** What a player has to know of fragmented MP4 (ISO/IEC 14496-12): tracks, codecs, and when each picture is shown. */

export interface Track {
  readonly id: number
  readonly kind: 'video' | 'audio' | 'other'
  /** As in RFC 6381: `avc3.64001f`. */
  readonly codec: string
  readonly timescale: number
  readonly width: number
  readonly height: number
}

/** A picture: shown from `at_us` on, in microseconds of the file's time line. */
export interface Frame {
  readonly at_us: number
  readonly to_us: number
  readonly key: boolean
}

interface Box {
  readonly type: string
  /** Of the first byte of its header, of its content, and past its end. */
  readonly start: number
  readonly from: number
  readonly to: number
}

const CONTAINERS = new Set(['moov', 'trak', 'mdia', 'minf', 'stbl', 'mvex', 'moof', 'traf'])

class Reader {
  private readonly view: DataView

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  u8(at: number): number {
    return this.view.getUint8(at)
  }

  u16(at: number): number {
    return this.view.getUint16(at)
  }

  u32(at: number): number {
    return this.view.getUint32(at)
  }

  i32(at: number): number {
    return this.view.getInt32(at)
  }

  /** Exact up to 2^53. */
  u64(at: number): number {
    return this.u32(at) * 2 ** 32 + this.u32(at + 4)
  }

  name(at: number): string {
    return String.fromCharCode(...this.bytes.subarray(at, at + 4))
  }

  /** The boxes of a stretch; one that reaches past it ends the list. */
  *boxes(from = 0, to = this.bytes.length): Generator<Box> {
    let at = from
    while (at + 8 <= to) {
      let size = this.u32(at)
      let header = 8
      if (size === 1 && at + 16 <= to) {
        size = this.u64(at + 8)
        header = 16
      } else if (size === 0) size = to - at
      if (size < header || at + size > to) return
      yield { type: this.name(at + 4), start: at, from: at + header, to: at + size }
      at += size
    }
  }

  /** Every box of this type below a stretch, at any depth of what contains boxes only. */
  *all(type: string, from = 0, to = this.bytes.length): Generator<Box> {
    for (const box of this.boxes(from, to)) {
      if (box.type === type) yield box
      if (CONTAINERS.has(box.type)) yield* this.all(type, box.from, box.to)
    }
  }

  first(type: string, within?: Box): Box | undefined {
    return this.all(type, within?.from, within?.to).next().value as Box | undefined
  }
}

/** The tracks of an init segment. */
export function readTracks(init: Uint8Array): readonly Track[] {
  const read = new Reader(init)
  return [...read.all('trak')].map((trak) => readTrack(read, trak))
}

function readTrack(read: Reader, trak: Box): Track {
  const header = read.first('tkhd', trak)
  const media = read.first('mdhd', trak)
  const handler = read.first('hdlr', trak)
  const table = read.first('stsd', trak)
  if (!header || !media || !handler || !table) throw new Error('the init segment has a track without its boxes')
  const sound = read.name(handler.from + 8)
  const kind = sound === 'vide' ? 'video' : sound === 'soun' ? 'audio' : 'other'
  const entry = read.boxes(table.from + 8, table.to).next().value as Box | undefined
  if (entry === undefined) throw new Error('the init segment has a track without a codec')
  return {
    id: read.u32(header.from + (read.u8(header.from) === 1 ? 20 : 12)),
    kind,
    timescale: read.u32(media.from + (read.u8(media.from) === 1 ? 20 : 12)),
    codec: codecOf(read, entry, kind),
    width: kind === 'video' ? read.u16(entry.from + 24) : 0,
    height: kind === 'video' ? read.u16(entry.from + 26) : 0,
  }
}

/** Bytes of a sample entry before the boxes in it. */
const ENTRY = { video: 78, audio: 28, other: 8 } as const

function codecOf(read: Reader, entry: Box, kind: Track['kind']): string {
  const name = entry.type
  const inner = [...read.boxes(entry.from + ENTRY[kind], entry.to)]
  const config = inner.find((box) => box.type === 'avcC' || box.type === 'hvcC' || box.type === 'esds')
  if (config === undefined) return name === 'Opus' ? 'opus' : name
  switch (config.type) {
    case 'avcC':
      return `${name}.${[1, 2, 3].map((at) => hex(read.u8(config.from + at), 2)).join('')}`
    case 'hvcC':
      return `${name}.${hevcProfile(read, config.from)}`
    default:
      return `${name}.40.${audioObject(read, config)}`
  }
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')

/** ISO/IEC 14496-15, annex E.3. */
function hevcProfile(read: Reader, at: number): string {
  const first = read.u8(at + 1)
  const space = ['', 'A', 'B', 'C'][first >> 6] ?? ''
  let flags = 0
  for (let bit = 0; bit < 32; bit += 1) if ((read.u32(at + 2) >>> bit) & 1) flags |= 1 << (31 - bit)
  const tier = first & 0x20 ? 'H' : 'L'
  const constraints = Array.from({ length: 6 }, (_, index) => read.u8(at + 6 + index))
  while (constraints.at(-1) === 0) constraints.pop()
  const rest = constraints.map((value) => `.${value.toString(16).toUpperCase()}`).join('')
  return `${space}${first & 0x1f}.${(flags >>> 0).toString(16).toUpperCase()}.${tier}${read.u8(at + 12)}${rest}`
}

/** The audio object type in the decoder's configuration; AAC-LC where it is not told. */
function audioObject(read: Reader, esds: Box): number {
  // Descriptors: a tag and a length of one to four bytes (ISO/IEC 14496-1, 8.3.3).
  let at = esds.from + 4
  while (at + 2 < esds.to) {
    const tag = read.u8(at)
    at += 1
    while (read.u8(at) & 0x80) at += 1
    at += 1
    if (tag === 3) at += 3
    else if (tag === 4) at += 13
    else if (tag === 5) return read.u8(at) >> 3
    else return 2
  }
  return 2
}

/**
 * The init segment, or a fragment, without these tracks: their boxes become
 * `free`, so nothing moves. A browser refuses a whole file for one track that
 * it cannot decode (G.711, say). Changes `bytes`.
 */
export function hideTracks(bytes: Uint8Array, ids: ReadonlySet<number>): void {
  if (ids.size === 0) return
  const read = new Reader(bytes)
  const places: readonly [string, string | undefined, (box: Box) => number][] = [
    ['trak', 'tkhd', (box) => box.from + (read.u8(box.from) === 1 ? 20 : 12)],
    ['trex', undefined, (box) => box.from + 4],
    ['traf', 'tfhd', (box) => box.from + 4],
  ]
  for (const [type, inside, place] of places) {
    for (const box of [...read.all(type)]) {
      const holder = inside === undefined ? box : read.first(inside, box)
      if (holder !== undefined && ids.has(read.u32(place(holder)))) bytes.set([0x66, 0x72, 0x65, 0x65], box.start + 4)
    }
  }
}

/** The pictures of a track in a segment, in the order in which they are shown. */
export function readFrames(segment: Uint8Array, track: Pick<Track, 'id' | 'timescale'>): readonly Frame[] {
  const read = new Reader(segment)
  const frames: Frame[] = []
  for (const traf of read.all('traf')) {
    const header = read.first('tfhd', traf)
    const time = read.first('tfdt', traf)
    if (!header || !time || read.u32(header.from + 4) !== track.id) continue
    let decode = read.u8(time.from) === 1 ? read.u64(time.from + 4) : read.u32(time.from + 4)
    const standard = defaultsOf(read, header)
    for (const run of read.all('trun', traf.from, traf.to)) decode = readRun(read, run, standard, decode, track.timescale, frames)
  }
  return frames.sort((one, other) => one.at_us - other.at_us)
}

interface Defaults {
  readonly duration: number
  readonly flags: number
}

function defaultsOf(read: Reader, header: Box): Defaults {
  const present = read.u32(header.from) & 0xffffff
  let at = header.from + 8
  if (present & 0x1) at += 8
  if (present & 0x2) at += 4
  const duration = present & 0x8 ? read.u32(at) : 0
  if (present & 0x8) at += 4
  if (present & 0x10) at += 4
  return { duration, flags: present & 0x20 ? read.u32(at) : 0 }
}

/** `sample_is_non_sync_sample` of the flags of a sample. */
const NOT_KEY = 0x10000

function readRun(read: Reader, run: Box, standard: Defaults, begin: number, timescale: number, frames: Frame[]): number {
  const present = read.u32(run.from) & 0xffffff
  const count = read.u32(run.from + 4)
  let at = run.from + 8
  if (present & 0x1) at += 4
  let firstFlags: number | undefined
  if (present & 0x4) {
    firstFlags = read.u32(at)
    at += 4
  }
  const us = (ticks: number) => Math.round((ticks / timescale) * 1e6)
  let decode = begin
  for (let index = 0; index < count; index += 1) {
    const next = (bit: number, signed = false): number | undefined => {
      if (!(present & bit)) return undefined
      at += 4
      return signed ? read.i32(at - 4) : read.u32(at - 4)
    }
    const duration = next(0x100) ?? standard.duration
    next(0x200)
    const flags = next(0x400) ?? (index === 0 ? firstFlags : undefined) ?? standard.flags
    const shown = decode + (next(0x800, true) ?? 0)
    frames.push({ at_us: us(shown), to_us: us(shown + duration), key: (flags & NOT_KEY) === 0 })
    decode += duration
  }
  return decode
}

/**
 * Makes key frames that stand alone follow one another: the last frame of each
 * fragment lasts until the next fragment begins, that of the last one until
 * `to_us`. A decoder gives no picture out while nothing comes after it.
 * Changes `bytes`.
 */
export function joinFrames(bytes: Uint8Array, track: Pick<Track, 'id' | 'timescale'>, to_us: number): void {
  const read = new Reader(bytes)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const found: { readonly decode: number; readonly standard: Defaults; readonly header: Box; readonly run: Box }[] = []
  for (const traf of read.all('traf')) {
    const header = read.first('tfhd', traf)
    const time = read.first('tfdt', traf)
    const run = [...read.all('trun', traf.from, traf.to)].at(-1)
    if (!header || !time || !run || read.u32(header.from + 4) !== track.id) continue
    const decode = read.u8(time.from) === 1 ? read.u64(time.from + 4) : read.u32(time.from + 4)
    found.push({ decode, standard: defaultsOf(read, header), header, run })
  }
  for (const [index, { decode, standard, header, run }] of found.entries()) {
    const end = found[index + 1]?.decode ?? Math.round((to_us / 1e6) * track.timescale)
    const begin = readRun(read, run, standard, decode, track.timescale, [])
    const at = durationPlace(read, header, run)
    if (at !== undefined) view.setUint32(at, Math.max(1, read.u32(at) + end - begin))
  }
}

/** Where the duration of a run's last frame stands: with the frame, or for all of a run of one. */
function durationPlace(read: Reader, header: Box, run: Box): number | undefined {
  const present = read.u32(run.from) & 0xffffff
  const count = read.u32(run.from + 4)
  if (present & 0x100 && count > 0) {
    const sample = [0x100, 0x200, 0x400, 0x800].filter((bit) => present & bit).length * 4
    return run.from + 8 + (present & 0x1 ? 4 : 0) + (present & 0x4 ? 4 : 0) + (count - 1) * sample
  }
  const flags = read.u32(header.from) & 0xffffff
  if (count !== 1 || !(flags & 0x8)) return undefined
  return header.from + 8 + (flags & 0x1 ? 8 : 0) + (flags & 0x2 ? 4 : 0)
}

/** What MSE is told of tracks that play together. */
export function mimeOf(tracks: readonly Track[]): string {
  const codecs = tracks.map((track) => track.codec).join(', ')
  return `${tracks.some((track) => track.kind === 'video') ? 'video' : 'audio'}/mp4; codecs="${codecs}"`
}
