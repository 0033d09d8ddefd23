import { cleanup, render } from '@solidjs/testing-library'
import { afterEach, describe, expect, it } from 'vitest'
import type { Transcode } from '../api/streams'
import { makeTranslator } from '../i18n/translate'
import type { PlayerStats } from '../player/stats'
import type { Chosen } from '../player/whep'
import { Details } from './Details'

const COST: Transcode = { viewers: 1, works: true, cpu_percent: 31.4, memory_bytes: 95_000_000 }
const STATS: PlayerStats = {
  framesDecoded: 1, framesDropped: 0, freezes: 0, width: 1280, height: 720, packetsLost: 0, codec: 'H264',
  fps: 25, bitrate: 1e6, jitterBufferDelay: null, roundTrip: null, latency: null,
}

function text(chosen: Chosen | undefined, full = true, transcode: Transcode | undefined = COST): string {
  const { container } = render(() => (
    <Details
      stats={{ ...STATS, chosen }}
      full={full}
      backup={false}
      transcode={transcode}
      translator={makeTranslator('en')}
    />
  ))
  return container.textContent
}

afterEach(cleanup)

describe('Details', () => {
  it('says nothing of pictures that are those that were asked for', () => {
    for (const chosen of [undefined, { variant: 'as_is', reason: null } as const]) {
      expect(text(chosen)).not.toMatch(/convert|sub-stream|order/)
      cleanup()
    }
  })

  it('says that a converted picture is seen, why, what it costs and how to avoid it', () => {
    const said = text({ variant: 'transcoded', reason: 'codec' })
    expect(said).toContain('converted picture')
    expect(said).toContain('does not play the codec')
    expect(said).toContain('31 % of a core, 95 MB')
    expect(said).toContain('set the sub-stream of the camera to H.264')
  })

  it('has room for the first word alone in a small tile', () => {
    const said = text({ variant: 'transcoded', reason: 'b_frames' }, false)
    expect(said).toContain('converted picture')
    expect(said).not.toContain('of a core')
  })

  it('says that the network bears no more than the sub-stream', () => {
    const said = text({ variant: 'sub', reason: 'path' })
    expect(said).toContain('sub-stream in its place')
    expect(said).toContain('too slow for the main stream')
  })

  it('tells of the sub-stream, and of B-frames that nobody could take out', () => {
    expect(text({ variant: 'sub', reason: 'codec' })).toContain('sub-stream in its place')
    cleanup()
    const said = text({ variant: 'as_is', reason: 'b_frames' }, true, undefined)
    expect(said).toContain('pictures out of their order')
    expect(said).toContain('To avoid it')
  })
})
