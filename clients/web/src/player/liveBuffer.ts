import { fragment, initSegment, join, mimeOf, type Sample } from './fmp4'
import { follow, LEAST_LAG, narrow, widen } from './liveEdge'
import type { TileConfig, TileFrame } from './mediaSocket'
import { countsOf, type Feed } from './media'
import { makeTiming, type Timing } from './timing'

/** Frames as they come, shown by Media Source Extensions close behind the newest. */
export interface LiveBuffer extends Feed {
  /** What follows is to be read so; a key frame comes next. */
  configure(config: TileConfig): void
  /** False where it was left out, as nothing can be shown before the next key frame. */
  take(frame: TileFrame): boolean
  stats(): Readonly<Record<string, number>>
  close(): void
}

export interface LiveBufferOptions {
  /** Parameters so that tests need no codecs. */
  readonly Source?: typeof MediaSource
}

/** Fragments that wait for the browser; more are left out up to the next key frame. */
const MOST_WAITING = 300
/** Kept behind the picture that is shown, and between two clearings, seconds. */
const KEPT = 2
const CLEAR_EVERY = 10
/** So much of a stream, seconds, before anything is learnt of its pauses. */
const STARTING = 2
/** After a pause as long as this, microseconds, nobody wants the time before it. */
const FAR_APART = 60_000_000

interface Safari {
  readonly ManagedMediaSource?: typeof MediaSource
}

/** `ManagedMediaSource` is all that an iPhone has. */
export function mediaSource(): typeof MediaSource | undefined {
  const here = globalThis as Safari & { readonly MediaSource?: typeof MediaSource }
  return here.MediaSource ?? here.ManagedMediaSource
}

export function makeLiveBuffer(options: LiveBufferOptions = {}): LiveBuffer {
  const Source = options.Source ?? mediaSource()
  let video: HTMLVideoElement | undefined
  let address: string | undefined
  let source: MediaSource | undefined
  let buffer: SourceBuffer | undefined
  let config: TileConfig | undefined
  let mime = ''
  let timing: Timing = makeTiming()
  let waiting: Uint8Array[] = []
  let needsKey = true
  let sequence = 0
  /** Of what was appended and of what waits, seconds of the element. */
  let end = 0
  let started = false
  let past = true
  let lag = LEAST_LAG
  /** Where groups of pictures begin. */
  let keys: number[] = []
  let cleared = 0
  let waited = 0
  let decoded = 0

  function stop(): void {
    if (address !== undefined) URL.revokeObjectURL(address)
    address = source = buffer = undefined
    waiting = []
    keys = []
    end = cleared = 0
    started = false
    past = needsKey = true
    timing = makeTiming()
    video?.removeEventListener('waiting', starved)
    video?.removeEventListener('error', restart)
  }

  /** All anew, with the next key frame: what is there cannot be gone on with. */
  function restart(): void {
    stop()
    if (video === undefined || Source === undefined) return
    const mine = new Source()
    source = mine
    address = URL.createObjectURL(mine)
    mine.addEventListener('sourceopen', () => { pump() }, { once: true })
    video.addEventListener('waiting', starved)
    video.addEventListener('error', restart)
    video.disableRemotePlayback = true
    video.src = address
  }

  /** Not at first, where it stands at the end of all that there is yet. */
  function starved(): void {
    if (started && end - (keys[0] ?? end) > STARTING) lag = widen(lag)
  }

  /** Hands over what waits, one piece of work at a time: the browser allows no more. */
  function pump(): void {
    if (source?.readyState !== 'open' || buffer?.updating === true) return
    try {
      if (buffer !== undefined) goOn()
      if (clear() || waiting.length === 0) return
      if (buffer === undefined) {
        buffer = source.addSourceBuffer(mime)
        buffer.addEventListener('updateend', pump)
        buffer.addEventListener('error', restart)
      }
      const next = join(waiting)
      waiting = []
      buffer.appendBuffer(next)
    } catch {
      // Full, or broken by what was sent: the next key frame is a new chance.
      restart()
    }
  }

  /** Goes to the newest picture, and stays near it. */
  function goOn(): void {
    if (video === undefined || past || buffer?.buffered.length === 0) return
    const counts = countsOf(video)
    waited += Math.max(0, end - video.currentTime) * Math.max(0, counts.framesDecoded - decoded)
    decoded = counts.framesDecoded
    const { jump, rate } = follow({ position: video.currentTime, end, lag })
    // At first the element stands before all that there is.
    if (!started) video.currentTime = Math.max(keys[0] ?? 0, end - lag)
    else if (jump !== undefined && !video.seeking) video.currentTime = jump
    started = true
    if (video.playbackRate !== rate) video.playbackRate = rate
    // A pause that comes before the start ends the promise; nothing is lost.
    if (video.paused) video.play().catch(() => undefined)
  }

  /** Forgets groups that were shown. What is removed is always whole groups: a part would take its rest along. */
  function clear(): boolean {
    const position = video?.currentTime ?? 0
    if (buffer === undefined || position - cleared < CLEAR_EVERY) return false
    const first = keys.findLastIndex((key) => key <= position - KEPT)
    const from = keys[first]
    if (from === undefined || from <= cleared) return false
    cleared = from
    lag = narrow(lag)
    keys = keys.slice(first)
    buffer.remove(0, from)
    return true
  }

  function begin(told: TileConfig): void {
    mime = mimeOf(told)
    waiting.push(initSegment(told))
    needsKey = false
  }

  function put(sample: Sample): void {
    sequence += 1
    waiting.push(fragment(sequence, sample))
    end = Math.max(end, (sample.shown + sample.lasts) / 1e6)
    if (sample.key) keys.push(sample.shown / 1e6)
  }

  return {
    configure(told) {
      config = told
      needsKey = true
    },
    take(frame) {
      if (video === undefined || waiting.length > MOST_WAITING) needsKey = true
      if (video === undefined || (needsKey && !frame.key)) return false
      if (config === undefined) return false
      // Another codec: seldom enough to begin with another buffer.
      if (buffer !== undefined && mimeOf(config) !== mime) restart()
      const sample = timing.next(frame)
      // A clock that went back leaves no place for what follows.
      if (sample !== undefined && (sample.lasts > FAR_APART || sample.shown < 0)) {
        restart()
        return false
      }
      // How the one before is read is what was told before.
      if (sample !== undefined) put(sample)
      if (needsKey) begin(config)
      past = frame.catchesUp
      pump()
      return true
    },
    show(element) {
      video = element
      restart()
      return () => {
        stop()
        video = undefined
        element.removeAttribute('src')
        element.load()
      }
    },
    stats() {
      const { videoWidth, videoHeight } = video ?? { videoWidth: 0, videoHeight: 0 }
      const counts = countsOf(video)
      return {
        ...counts,
        frameWidth: videoWidth,
        frameHeight: videoHeight,
        jitterBufferDelay: waited,
        jitterBufferEmittedCount: decoded,
        totalProcessingDelay: waited,
      }
    },
    close: stop,
  }
}
