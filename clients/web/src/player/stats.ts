import type { Way } from './ways'
import type { Chosen } from './whep'

/** What a receiver has counted since it began; times in seconds, as getStats() has them. */
export interface Counters {
  /** Milliseconds; the clock of getStats(). */
  readonly timestamp: number
  readonly framesReceived: number
  readonly framesDecoded: number
  readonly framesDropped: number
  readonly freezes: number
  readonly width: number
  readonly height: number
  readonly bytes: number
  readonly packets: number
  readonly packetsLost: number
  readonly jitterBufferDelay: number
  readonly jitterBufferFrames: number
  readonly processingDelay: number
  readonly roundTrip: number | null
  readonly codec: string | null
}

/** What a person wants to know, over the time between two looks; times in milliseconds. */
export interface PlayerStats {
  readonly framesDecoded: number
  readonly framesDropped: number
  readonly freezes: number
  readonly width: number
  readonly height: number
  readonly packetsLost: number
  readonly codec: string | null
  readonly fps: number
  readonly bitrate: number
  readonly jitterBufferDelay: number | null
  readonly roundTrip: number | null
  /** How the pictures come. */
  readonly way?: Way
  /** Which pictures they are, where the server says it. */
  readonly chosen?: Chosen | undefined
  /** From the server to the decoded picture: half a round trip, then waiting and decoding. */
  readonly latency: number | null
}

type Entry = Readonly<Record<string, unknown>>

/** Reads the video receiver's counters; undefined before there is one. */
export function readCounters(report: Iterable<readonly [string, unknown]>): Counters | undefined {
  const entries = new Map<string, Entry>()
  for (const [id, entry] of report) entries.set(id, entry as Entry)
  const all = [...entries.values()]
  const video = all.find((entry) => entry.type === 'inbound-rtp' && entry.kind === 'video')
  if (video === undefined) return undefined
  const pair = all.find((entry) => entry.type === 'candidate-pair' && entry.nominated === true)
  const codec = entries.get(textOf(video.codecId) ?? '')
  return {
    timestamp: numberOf(video.timestamp),
    framesReceived: numberOf(video.framesReceived),
    framesDecoded: numberOf(video.framesDecoded),
    framesDropped: numberOf(video.framesDropped),
    freezes: numberOf(video.freezeCount),
    width: numberOf(video.frameWidth),
    height: numberOf(video.frameHeight),
    bytes: numberOf(video.bytesReceived),
    packets: numberOf(video.packetsReceived),
    packetsLost: numberOf(video.packetsLost),
    jitterBufferDelay: numberOf(video.jitterBufferDelay),
    jitterBufferFrames: numberOf(video.jitterBufferEmittedCount),
    processingDelay: numberOf(video.totalProcessingDelay),
    roundTrip: typeof pair?.currentRoundTripTime === 'number' ? pair.currentRoundTripTime : null,
    codec: textOf(codec?.mimeType)?.replace('video/', '') ?? null,
  }
}

/** The statistics of the time between two looks. Without an earlier one, of all the time so far. */
export function compare(now: Counters, before?: Counters): PlayerStats {
  const since = (key: 'framesDecoded' | 'bytes' | 'jitterBufferDelay' | 'jitterBufferFrames' | 'processingDelay') =>
    now[key] - (before?.[key] ?? 0)
  const seconds = before === undefined ? 0 : (now.timestamp - before.timestamp) / 1000
  const processing = perFrame(since('processingDelay'), since('framesDecoded'))
  return {
    framesDecoded: now.framesDecoded,
    framesDropped: now.framesDropped,
    freezes: now.freezes,
    width: now.width,
    height: now.height,
    packetsLost: now.packetsLost,
    codec: now.codec,
    fps: seconds > 0 ? since('framesDecoded') / seconds : 0,
    bitrate: seconds > 0 ? (since('bytes') * 8) / seconds : 0,
    jitterBufferDelay: perFrame(since('jitterBufferDelay'), since('jitterBufferFrames')),
    roundTrip: now.roundTrip === null ? null : now.roundTrip * 1000,
    latency: processing === null ? null : processing + (now.roundTrip ?? 0) * 500,
  }
}

/** Seconds over frames as milliseconds a frame. */
function perFrame(seconds: number, frames: number): number | null {
  return frames > 0 ? (seconds * 1000) / frames : null
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
