/** What a session needs of a decoder. */
export type Decoder = Pick<VideoDecoder, 'state' | 'decodeQueueSize' | 'reset' | 'configure' | 'decode' | 'close'>

/** The name that the media socket gives to Motion JPEG, which WebCodecs has none for. */
export const MOTION_JPEG = 'mjpeg'

export interface PicturesOptions {
  /** Parameters so that tests need no pictures. */
  readonly decode?: (file: Blob) => Promise<ImageBitmap>
  readonly makeFrame?: (image: ImageBitmap, init: VideoFrameInit) => VideoFrame
}

/**
 * A decoder of Motion JPEG in the form of one of WebCodecs: each frame is a picture of its own. One is
 * decoded at a time, and of those that come meanwhile the newest is next: a busy page shows fewer, not later ones.
 */
export function makePictures(init: VideoDecoderInit, options: PicturesOptions = {}): Decoder {
  const decode = options.decode ?? ((file) => createImageBitmap(file))
  const makeFrame = options.makeFrame ?? ((image, of) => new VideoFrame(image, of))
  let state: CodecState = 'unconfigured'
  let next: EncodedVideoChunk | undefined
  let works = false
  // Pictures that were asked for before are not shown after it.
  let run = 0

  // Functions, as both may change while something is awaited.
  const isOf = (mine: number) => mine === run
  const take = () => {
    const taken = next
    next = undefined
    return taken
  }

  async function work(): Promise<void> {
    if (works) return
    works = true
    for (let chunk = take(); chunk !== undefined; chunk = take()) await show(chunk, run)
    works = false
  }

  async function show(chunk: EncodedVideoChunk, mine: number): Promise<void> {
    const data = new Uint8Array(chunk.byteLength)
    chunk.copyTo(data)
    try {
      const image = await decode(new Blob([data], { type: 'image/jpeg' }))
      try {
        if (isOf(mine)) init.output(makeFrame(image, { timestamp: chunk.timestamp }))
      } finally {
        image.close()
      }
    } catch (error) {
      if (isOf(mine)) init.error(error instanceof DOMException ? error : new DOMException(String(error), 'EncodingError'))
    }
  }

  function begin(as: CodecState): void {
    state = as
    next = undefined
    run += 1
  }

  return {
    get state() {
      return state
    },
    get decodeQueueSize() {
      return next === undefined ? 0 : 1
    },
    reset: () => {
      begin('unconfigured')
    },
    configure: () => {
      state = 'configured'
    },
    decode(chunk) {
      next = chunk
      void work()
    },
    close: () => {
      begin('closed')
    },
  }
}
