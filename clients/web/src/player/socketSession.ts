import { isDecodable } from './codecs'
import type { TileConfig, TileFrame } from './mediaSocket'
import { makePictures, MOTION_JPEG, type Decoder } from './pictures'
import { makeTileSession, unplayable, type TileSessionOptions } from './tileSession'
import type { WhepSession } from './whep'

/** What shows decoded pictures, as a stream for a video element. */
export interface Canvas {
  draw(frame: VideoFrame): void
  readonly media: MediaStream
}

export interface SocketSessionOptions extends TileSessionOptions {
  /** Parameters so that tests need no codecs. */
  readonly canPlay?: (config: VideoDecoderConfig) => Promise<boolean>
  readonly makeDecoder?: (init: VideoDecoderInit) => Decoder
  readonly makeCanvas?: () => Canvas
}

/** A page whose decoder has so many frames before it goes on with the next key frame. */
const MOST_QUEUED = 30
/** Whether this browser can play so; WebCodecs is there in secure contexts alone. */
export function canDecode(): boolean {
  return typeof VideoDecoder !== 'undefined' && typeof HTMLCanvasElement.prototype.captureStream === 'function'
}

/** One viewing session by the media socket, in the form of one by WHEP. */
export function makeSocketSession(options: SocketSessionOptions): WhepSession {
  const makeDecoder = options.makeDecoder ?? ((init) => new VideoDecoder(init))
  const canPlay = options.canPlay ?? canDecodeSo
  const canvas = (options.makeCanvas ?? makeCanvas)()
  const hidden = new Set<number>()
  const count = { framesReceived: 0, framesDecoded: 0, framesDropped: 0, bytesReceived: 0, frameWidth: 0, frameHeight: 0 }
  let config: TileConfig | undefined
  let decoder: Decoder | undefined
  let isPictures = false
  let needsKey = true
  let shows = false
  let closed = false

  const tile = makeTileSession(options, { onConfig, onFrame: take })

  function decoded(frame: VideoFrame): void {
    count.framesDecoded += 1
    if (hidden.delete(frame.timestamp) || closed) {
      frame.close()
      return
    }
    count.frameWidth = frame.displayWidth
    count.frameHeight = frame.displayHeight
    canvas.draw(frame)
    frame.close()
    if (shows) return
    shows = true
    options.onMedia(canvas.media)
  }

  function configure(): void {
    if (config === undefined) return
    const wantsPictures = config.codec === MOTION_JPEG
    if (decoder === undefined || decoder.state === 'closed' || isPictures !== wantsPictures) {
      if (decoder !== undefined && decoder.state !== 'closed') decoder.close()
      isPictures = wantsPictures
      const make = isPictures ? makePictures : makeDecoder
      decoder = make({
        output: decoded,
        // What it cannot decode may still be followed by what it can.
        error: () => {
          needsKey = true
        },
      })
    }
    hidden.clear()
    decoder.reset()
    decoder.configure(decoderConfig(config))
  }

  function take(frame: TileFrame): void {
    // A busy page may need a while for the picture: it waits for that as for a key frame.
    if (count.framesReceived === 0) options.onConnection('connected')
    count.framesReceived += 1
    count.bytesReceived += frame.data.byteLength
    if ((decoder?.decodeQueueSize ?? 0) > MOST_QUEUED) needsKey = true
    if (needsKey && !frame.key) {
      count.framesDropped += 1
      return
    }
    if (frame.breaks || needsKey || decoder?.state !== 'configured') configure()
    if (decoder?.state !== 'configured') return
    needsKey = false
    if (frame.catchesUp) hidden.add(frame.shown)
    decoder.decode(new EncodedVideoChunk({ type: frame.key ? 'key' : 'delta', timestamp: frame.shown, data: frame.data }))
  }

  function onConfig(told: TileConfig): void {
    config = told
    needsKey = true
    void canPlay(decoderConfig(told)).then((can) => {
      if (!can && config === told) tile.refuse(unplayable(told.codec))
    })
  }

  return {
    way: 'socket',
    peer: {
      getStats: () => {
        const video = { type: 'inbound-rtp', kind: 'video', codecId: 'codec', timestamp: performance.now(), ...count }
        const codec = { type: 'codec', mimeType: config?.codec ?? null }
        return Promise.resolve(new Map<string, unknown>(shows ? [['video', video], ['codec', codec]] : []))
      },
    },
    opened: tile.opened,
    chosen: tile.chosen,
    rest: tile.rest,
    close() {
      closed = true
      tile.close()
      if (decoder !== undefined && decoder.state !== 'closed') decoder.close()
      for (const track of canvas.media.getTracks()) track.stop()
    },
  }
}

/** Motion JPEG is decoded as pictures, not by WebCodecs. */
async function canDecodeSo(wanted: VideoDecoderConfig): Promise<boolean> {
  return wanted.codec === MOTION_JPEG || isDecodable(wanted)
}

function decoderConfig({ codec, width, height, description }: TileConfig): VideoDecoderConfig {
  // Key frames of AV1, VP8 and VP9 say all that a decoder needs.
  const own = /^(avc|hvc|hev)/.test(codec) ? { description } : {}
  return { codec, codedWidth: width, codedHeight: height, ...own, optimizeForLatency: true }
}

function makeCanvas(): Canvas {
  const canvas = document.createElement('canvas')
  const context = canvas.getContext('2d', { alpha: false, desynchronized: true })
  // Each picture that is drawn is one of the stream.
  const media = canvas.captureStream()
  return {
    media,
    draw(frame) {
      if (canvas.width !== frame.displayWidth || canvas.height !== frame.displayHeight) {
        canvas.width = frame.displayWidth
        canvas.height = frame.displayHeight
      }
      context?.drawImage(frame, 0, 0)
    },
  }
}
