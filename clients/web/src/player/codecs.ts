/** Which codecs of pictures this browser takes by each way: what it says when it opens a stream. */
import { canHold, mimeOf } from './fmp4'
import { mediaSource } from './liveBuffer'
import type { Way } from './ways'

/** The server's names (docs/reference/media-socket.md), each with what a usual camera of it sends. */
const USUAL = {
  h264: 'avc1.640028',
  h265: 'hvc1.1.6.L120.90',
  av1: 'av01.0.08M.08',
  vp8: 'vp8',
  vp9: 'vp09.00.40.08',
  mpeg4: 'mp4v.20.9',
} as const

const TITLES: Readonly<Record<string, string>> = {
  h264: 'H.264',
  h265: 'H.265',
  av1: 'AV1',
  vp8: 'VP8',
  vp9: 'VP9',
  mjpeg: 'Motion JPEG',
  mpeg4: 'MPEG-4',
}

/** What a browser says of itself. */
export interface Abilities {
  /** By WebCodecs. */
  readonly decodes: (codec: string) => Promise<boolean>
  /** By Media Source Extensions. */
  readonly buffers: (mime: string) => boolean
  /** In a video element, without our doing. */
  readonly plays: (mime: string) => boolean
}

/** Whether WebCodecs decodes it here. */
export function isDecodable(wanted: VideoDecoderConfig): Promise<boolean> {
  return VideoDecoder.isConfigSupported(wanted).then(
    ({ supported }) => supported === true,
    // A codec that it cannot even read the name of is an error to it.
    () => false,
  )
}

const HERE: Abilities = {
  decodes: (codec) => isDecodable({ codec, codedWidth: 1920, codedHeight: 1080 }),
  buffers: (mime) => mediaSource()?.isTypeSupported(mime) ?? false,
  plays: (mime) => document.createElement('video').canPlayType(mime) !== '',
}

/** The list of a way, with commas; undefined where nothing is to be said. */
export type Codecs = (way: Way) => Promise<string | undefined>

/** Asks the browser once for each way. */
export function makeCodecs(here: Abilities = HERE): Codecs {
  const known = new Map<Way, Promise<string | undefined>>()

  function inMp4(takes: (mime: string) => boolean): string[] {
    return Object.entries(USUAL).filter(([, codec]) => canHold({ codec }) && takes(mimeOf({ codec }))).map(([name]) => name)
  }

  async function decoded(): Promise<string[]> {
    const names = Object.entries(USUAL)
    const found = await Promise.all(names.map(([, codec]) => here.decodes(codec)))
    // Motion JPEG is decoded as pictures, which every browser does.
    return [...names.filter((_, at) => found[at] === true).map(([name]) => name), 'mjpeg']
  }

  async function ask(way: Way): Promise<string | undefined> {
    // WebRTC says it in its offer.
    if (way === 'webrtc') return undefined
    const names = way === 'socket' ? await decoded() : inMp4(way === 'mse' ? here.buffers : here.plays)
    return names.length === 0 ? undefined : names.join(',')
  }

  return (way) => {
    const asked = known.get(way) ?? ask(way)
    known.set(way, asked)
    return asked
  }
}

/** What people call a codec that the server names. */
export function titleOf(codec: string): string {
  return TITLES[codec] ?? codec
}
