import { describe, expect, it } from 'vitest'
import { compare, readCounters, type Counters } from './stats'

function report(change: Record<string, unknown> = {}): [string, unknown][] {
  return [
    ['A', { type: 'inbound-rtp', kind: 'audio', framesDecoded: 9 }],
    ['P0', { type: 'candidate-pair', nominated: false, currentRoundTripTime: 9 }],
    ['P1', { type: 'candidate-pair', nominated: true, currentRoundTripTime: 0.004 }],
    ['C', { type: 'codec', mimeType: 'video/H264' }],
    [
      'V',
      {
        type: 'inbound-rtp',
        kind: 'video',
        codecId: 'C',
        timestamp: 1000,
        framesReceived: 100,
        framesDecoded: 100,
        framesDropped: 1,
        freezeCount: 0,
        frameWidth: 640,
        frameHeight: 360,
        bytesReceived: 10_000,
        packetsReceived: 50,
        packetsLost: 2,
        jitterBufferDelay: 1,
        jitterBufferEmittedCount: 100,
        totalProcessingDelay: 2,
        ...change,
      },
    ],
  ]
}

function counters(change: Record<string, unknown> = {}): Counters {
  const found = readCounters(report(change))
  if (found === undefined) throw new Error('no counters')
  return found
}

const later = counters({
  timestamp: 3000,
  framesDecoded: 150,
  bytesReceived: 260_000,
  jitterBufferDelay: 1.5,
  jitterBufferEmittedCount: 150,
  totalProcessingDelay: 2.75,
})

describe('readCounters', () => {
  it('finds the video receiver, its codec and the path in use', () => {
    expect(counters()).toMatchObject({ framesDecoded: 100, width: 640, codec: 'H264', roundTrip: 0.004 })
  })

  it('has nothing before there is a receiver', () => {
    expect(readCounters([['A', { type: 'inbound-rtp', kind: 'audio' }]])).toBeUndefined()
  })

  it('takes what is missing as none', () => {
    expect(readCounters([['V', { type: 'inbound-rtp', kind: 'video' }]])).toMatchObject({
      framesDecoded: 0,
      codec: null,
      roundTrip: null,
    })
  })
})

describe('compare', () => {
  it('gives rates over the time between two looks', () => {
    const stats = compare(later, counters())
    expect(stats).toMatchObject({ fps: 25, bitrate: 1_000_000, jitterBufferDelay: 10, roundTrip: 4 })
    expect(stats.latency).toBeCloseTo(15 + 2)
  })

  it('gives no rates at the first look', () => {
    expect(compare(counters())).toMatchObject({ fps: 0, bitrate: 0, jitterBufferDelay: 10, latency: 22 })
  })

  it('gives no delay where no frame came', () => {
    const stats = compare({ ...counters(), timestamp: 2000, roundTrip: null }, counters())
    expect(stats).toMatchObject({ fps: 0, jitterBufferDelay: null, latency: null, roundTrip: null })
  })

  it('leaves out a round trip that is not known', () => {
    expect(compare({ ...later, roundTrip: null }, counters()).latency).toBeCloseTo(15)
  })
})
