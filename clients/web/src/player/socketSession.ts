import { Problem } from '../api/problem'
import type { MediaSocket, Tile, TileConfig, TileFrame } from './mediaSocket'
import { RENEW_AGAIN, RENEW_EVERY, type WhepOptions, type WhepSession } from './whep'

/** What shows decoded pictures, as a stream for a video element. */
export interface Canvas {
  draw(frame: VideoFrame): void
  readonly media: MediaStream
}

export interface SocketSessionOptions extends WhepOptions {
  readonly socket: MediaSocket
  readonly camera: string
  readonly stream: string
  /** Parameters so that tests need no codecs. */
  readonly makeDecoder?: (init: VideoDecoderInit) => VideoDecoder
  readonly makeCanvas?: () => Canvas
}

/** A page whose decoder has so many frames before it goes on with the next key frame. */
const MOST_QUEUED = 30
const STATUS: Readonly<Record<string, number>> = {
  not_found: 404,
  limit_reached: 429,
  masked_dark: 503,
  address_revoked: 403,
  address_foreign: 403,
}

/** Whether this browser can play so; WebCodecs is there in secure contexts alone. */
export function canDecode(): boolean {
  return typeof VideoDecoder !== 'undefined' && typeof HTMLCanvasElement.prototype.captureStream === 'function'
}

/** One viewing session by the media socket, in the form of one by WHEP. */
export function makeSocketSession(options: SocketSessionOptions): WhepSession {
  const makeDecoder = options.makeDecoder ?? ((init) => new VideoDecoder(init))
  const canvas = (options.makeCanvas ?? makeCanvas)()
  const hidden = new Set<number>()
  const count = { framesReceived: 0, framesDecoded: 0, framesDropped: 0, bytesReceived: 0, frameWidth: 0, frameHeight: 0 }
  let config: TileConfig | undefined
  let decoder: VideoDecoder | undefined
  let needsKey = true
  let shows = false
  let closed = false
  let tile: Tile | undefined
  let renewal: ReturnType<typeof setTimeout> | undefined

  // A function, as it may change while something is awaited.
  const isClosed = () => closed

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
    options.onConnection('connected')
  }

  function configure(): void {
    if (config === undefined) return
    if (decoder === undefined || decoder.state === 'closed') {
      decoder = makeDecoder({
        output: decoded,
        // What it cannot decode may still be followed by what it can.
        error: () => {
          needsKey = true
        },
      })
    }
    hidden.clear()
    decoder.reset()
    decoder.configure({
      codec: config.codec,
      codedWidth: config.width,
      codedHeight: config.height,
      description: config.description,
      optimizeForLatency: true,
    })
  }

  function take(frame: TileFrame): void {
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

  function plan(wait: number): void {
    if (options.authorize !== undefined && !closed) renewal = setTimeout(() => void renew(), wait)
  }

  async function renew(): Promise<void> {
    try {
      const fresh = await options.authorize?.(true)
      if (fresh !== undefined) tile?.renew(fresh)
      plan(RENEW_EVERY)
    } catch (error) {
      const refused = error instanceof Problem && error.status >= 400 && error.status < 500 && error.status !== 429
      if (!refused) plan(RENEW_AGAIN)
      else if (!closed) options.onEnd?.(error)
    }
  }

  async function open(): Promise<void> {
    const address = await options.authorize?.(false)
    if (isClosed()) return
    await new Promise<void>((resolve, reject) => {
      let open = false
      tile = options.socket.open(options.camera, options.stream, address, {
        onSubscribed() {
          open = true
          plan(RENEW_EVERY)
          resolve()
        },
        onConfig(told) {
          config = told
          needsKey = true
        },
        onFrame: take,
        onRefused(code) {
          const problem = new Problem(STATUS[code] ?? 401, { code, values: {} })
          if (open) options.onEnd?.(problem)
          else reject(problem)
        },
        onLost() {
          resolve()
          if (!closed) options.onConnection('closed')
        },
      })
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
    opened: open(),
    close() {
      closed = true
      clearTimeout(renewal)
      tile?.close()
      if (decoder !== undefined && decoder.state !== 'closed') decoder.close()
      for (const track of canvas.media.getTracks()) track.stop()
    },
  }
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
