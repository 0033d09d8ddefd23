import { countsOf, type Feed } from './media'
import type { WhepOptions, WhepSession } from './whep'

export interface HlsSessionOptions extends WhepOptions {
  readonly camera: string
  readonly stream: string
  /** What the page can play, with commas. */
  readonly codecs?: (() => Promise<string | undefined>) | undefined
}

/** What browsers that play HLS by themselves call it. */
export const HLS = 'application/vnd.apple.mpegurl'

/** One viewing session by the browser's own HLS, in the form of one by WHEP. It is seconds late, and always plays. */
export function makeHlsSession(options: HlsSessionOptions): WhepSession {
  let video: HTMLVideoElement | undefined
  let address: string | undefined
  let closed = false

  const failed = () => {
    if (!closed) options.onConnection('failed')
  }
  const feed: Feed = {
    show(element) {
      video = element
      element.addEventListener('error', failed)
      if (address !== undefined) element.src = address
      return () => {
        video = undefined
        element.removeEventListener('error', failed)
        element.removeAttribute('src')
        element.load()
      }
    },
  }

  async function open(): Promise<void> {
    const [signed, codecs] = await Promise.all([options.authorize?.(false), options.codecs?.()])
    if (closed) return
    const query = codecs === undefined ? '' : `?codecs=${codecs}`
    const stream = `${encodeURIComponent(options.camera)}/${options.stream}/index.m3u8${query}`
    address = signed === undefined ? `/live/${stream}` : `/live/t/${signed}/${stream}`
    options.onMedia(feed)
    options.onConnection('connected')
  }

  return {
    way: 'hls',
    peer: {
      getStats() {
        const counts = countsOf(video)
        const size = { frameWidth: video?.videoWidth, frameHeight: video?.videoHeight }
        const shown = { ...counts, ...size, framesReceived: counts.framesDecoded }
        const report = { type: 'inbound-rtp', kind: 'video', timestamp: performance.now(), ...shown }
        return Promise.resolve(new Map<string, unknown>(counts.framesDecoded > 0 ? [['video', report]] : []))
      },
    },
    opened: open(),
    close() {
      closed = true
    },
  }
}
