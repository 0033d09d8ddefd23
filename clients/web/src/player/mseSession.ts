import { canHold, mimeOf } from './fmp4'
import { makeLiveBuffer, mediaSource, type LiveBuffer } from './liveBuffer'
import type { TileConfig } from './mediaSocket'
import { makeTileSession, unplayable, type TileSessionOptions } from './tileSession'
import type { WhepSession } from './whep'

export interface MseSessionOptions extends TileSessionOptions {
  /** Parameters so that tests need no codecs. */
  readonly buffer?: LiveBuffer
  readonly canPlay?: (mime: string) => boolean
}

/** One viewing session by the media socket and Media Source Extensions, in the form of one by WHEP. */
export function makeMseSession(options: MseSessionOptions): WhepSession {
  const buffer = options.buffer ?? makeLiveBuffer()
  const canPlay = options.canPlay ?? ((mime) => mediaSource()?.isTypeSupported(mime) ?? false)
  let config: TileConfig | undefined
  let bytesReceived = 0
  let connected = false
  let playable = true

  const tile = makeTileSession(options, {
    onConfig(told) {
      config = told
      playable = canHold(told) && canPlay(mimeOf(told))
      if (playable) buffer.configure(told)
      else tile.refuse(unplayable(told.codec))
    },
    onFrame(frame) {
      if (!playable) return
      bytesReceived += frame.data.byteLength
      const taken = buffer.take(frame)
      if (connected || !taken) return
      connected = true
      options.onConnection('connected')
    },
  })
  // At once: only what stands in a video element can be filled.
  options.onMedia(buffer)

  return {
    way: 'mse',
    peer: {
      getStats() {
        const counts = buffer.stats()
        const shown = counts.framesDecoded ?? 0
        const rest = { codecId: 'codec', timestamp: performance.now(), bytesReceived, framesReceived: shown }
        const video = { type: 'inbound-rtp', kind: 'video', ...counts, ...rest }
        const codec = { type: 'codec', mimeType: config?.codec ?? null }
        return Promise.resolve(new Map<string, unknown>(shown > 0 ? [['video', video], ['codec', codec]] : []))
      },
    },
    opened: tile.opened,
    chosen: tile.chosen,
    rest: tile.rest,
    close() {
      tile.close()
      buffer.close()
    },
  }
}
