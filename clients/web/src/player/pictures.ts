/** What a session needs of a decoder. */
export type Decoder = Pick<VideoDecoder, 'state' | 'decodeQueueSize' | 'reset' | 'configure' | 'decode' | 'close'>

/** The name that the media socket gives to Motion JPEG, which WebCodecs has none for. */
export const MOTION_JPEG = 'mjpeg'

export interface PicturesOptions {
  /** Parameters so that tests need no pictures. */
  readonly decode?: (file: Blob) => Promise<ImageBitmap>
  readonly makeFrame?: (image: ImageBitmap, init: VideoFrameInit) => VideoFrame
}

/** A decoder of Motion JPEG in the form of one of WebCodecs: each frame is a picture of its own. */
export function makePictures(init: VideoDecoderInit, options: PicturesOptions = {}): Decoder {
  const decode = options.decode ?? ((file) => createImageBitmap(file))
  const makeFrame = options.makeFrame ?? ((image, of) => new VideoFrame(image, of))
  let state: CodecState = 'unconfigured'
  let queued = 0
  let newest = Number.NEGATIVE_INFINITY
  // Pictures that were asked for before are not shown after it.
  let run = 0

  async function show(chunk: EncodedVideoChunk, mine: number): Promise<void> {
    const data = new Uint8Array(chunk.byteLength)
    chunk.copyTo(data)
    try {
      const image = await decode(new Blob([data], { type: 'image/jpeg' }))
      // Browsers decode several at once: what comes too late is left out.
      if (mine === run && chunk.timestamp > newest) {
        newest = chunk.timestamp
        init.output(makeFrame(image, { timestamp: chunk.timestamp }))
      }
      image.close()
    } catch (error) {
      if (mine === run) init.error(error instanceof DOMException ? error : new DOMException(String(error), 'EncodingError'))
    } finally {
      if (mine === run) queued -= 1
    }
  }

  function begin(next: CodecState): void {
    state = next
    queued = 0
    run += 1
    newest = Number.NEGATIVE_INFINITY
  }

  return {
    get state() {
      return state
    },
    get decodeQueueSize() {
      return queued
    },
    reset: () => {
      begin('unconfigured')
    },
    configure: () => {
      state = 'configured'
    },
    decode(chunk) {
      queued += 1
      void show(chunk, run)
    },
    close: () => {
      begin('closed')
    },
  }
}
