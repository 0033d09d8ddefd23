import { SECOND } from '../lib/zone'

/** Where segments go and pictures come out. Moments are microseconds of UTC. */
export interface Sink {
  canPlay(mime: string): boolean
  /** Says how what follows is to be read. */
  begin(mime: string, init: Uint8Array<ArrayBuffer>): Promise<void>
  append(segment: Uint8Array<ArrayBuffer>): Promise<void>
  remove(from: number, to: number): Promise<void>
  /** Forgets all, and counts from near this moment on. */
  reset(near: number): Promise<void>
  position(): number
  seek(us: number): void
  /** True while a picture is being looked for. */
  seeking(): boolean
  /** True where the picture of its position is there. */
  hasPicture(): boolean
  /** 0 stands still. */
  setRate(rate: number): void
  close(): void
}

/** Times in the element count from so long before what is played: small numbers are exact ones. */
const BEFORE = 3600 * SECOND
/** Longer than anybody plays on from one jump. */
const LENGTH_S = 10 * 366 * 86_400
/** What Media Source Extensions take at most as a speed is more than ours. */
const SLOWEST = 1 / 16
const FASTEST = 16

interface Safari {
  readonly ManagedMediaSource?: typeof MediaSource
}

/** A sink that shows its pictures in a video element, by Media Source Extensions. */
export function makeSink(video: HTMLVideoElement): Sink {
  const Source = (globalThis as Safari).ManagedMediaSource ?? (globalThis as { MediaSource?: typeof MediaSource }).MediaSource
  const source = Source === undefined ? undefined : new Source()
  const address = source === undefined ? undefined : URL.createObjectURL(source)
  let origin = 0
  let buffer: SourceBuffer | undefined
  let mimeNow = ''
  let closed = false
  /** Where to go once what is there is gone: a look-up among what is being removed would never end. */
  let goal: number | undefined
  let resets = 0
  /** What is done to the buffer is done one after the other. */
  let queue: Promise<unknown> = Promise.resolve()

  const opened = new Promise<void>((resolve) => {
    source?.addEventListener('sourceopen', () => { resolve() }, { once: true })
  })
  video.disableRemotePlayback = true
  if (address !== undefined) video.src = address

  function enqueue(work: () => Promise<void> | undefined): Promise<void> {
    const done = queue.then(async () => {
      await opened
      if (!closed) await work()
    })
    // The next one is done whatever becomes of this one, which tells its own caller.
    queue = done.catch(() => undefined)
    return done
  }

  /** Does one thing to the buffer and waits for its end. */
  function update(act: (target: SourceBuffer) => void): Promise<void> {
    const target = buffer
    if (target === undefined) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const end = () => {
        target.removeEventListener('updateend', end)
        target.removeEventListener('error', fail)
        resolve()
      }
      const fail = () => {
        target.removeEventListener('updateend', end)
        target.removeEventListener('error', fail)
        reject(new Error(video.error?.message ?? 'the browser refused the video'))
      }
      target.addEventListener('updateend', end)
      target.addEventListener('error', fail)
      try {
        act(target)
        if (!target.updating) end()
      } catch (error) {
        target.removeEventListener('updateend', end)
        target.removeEventListener('error', fail)
        reject(error instanceof Error ? error : new Error(String(error)))
      }
    })
  }

  const seconds = (us: number) => Math.max(0, (us - origin) / SECOND)

  return {
    canPlay: (mime) => Source?.isTypeSupported(mime) ?? false,
    begin: (mime, init) =>
      enqueue(() => {
        if (source === undefined) return undefined
        if (buffer === undefined) {
          buffer = source.addSourceBuffer(mime)
          source.duration = LENGTH_S
          buffer.timestampOffset = -origin / SECOND
        } else if (mime !== mimeNow) buffer.changeType(mime)
        mimeNow = mime
        return update((target) => { target.appendBuffer(init) })
      }),
    append: (segment) => enqueue(() => update((target) => { target.appendBuffer(segment) })),
    remove: (from, to) =>
      enqueue(() => (seconds(to) <= seconds(from) ? undefined : update((target) => { target.remove(seconds(from), seconds(to)) }))),
    reset(near) {
      // At once: who resets seeks next.
      const next = Math.floor((near - BEFORE) / SECOND) * SECOND
      origin = next
      resets += 1
      return enqueue(async () => {
        try {
          if (buffer === undefined) return
          if (buffer.buffered.length > 0) await update((target) => { target.remove(0, Infinity) })
          buffer.timestampOffset = -next / SECOND
        } finally {
          resets -= 1
          if (resets === 0 && goal !== undefined) video.currentTime = seconds(goal)
          if (resets === 0) goal = undefined
        }
      })
    },
    position: () => goal ?? Math.round(origin + video.currentTime * SECOND),
    seek(us) {
      if (resets > 0) goal = us
      else video.currentTime = seconds(us)
    },
    seeking: () => resets > 0 || video.seeking,
    hasPicture: () => resets === 0 && !video.seeking && video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA,
    setRate(rate) {
      if (rate <= 0) {
        if (!video.paused) video.pause()
        return
      }
      const wanted = Math.min(Math.max(rate, SLOWEST), FASTEST)
      if (Math.abs(video.playbackRate - wanted) > 0.005 * wanted) video.playbackRate = wanted
      // A pause that comes before the start ends the promise; nothing is lost.
      if (video.paused) video.play().catch(() => undefined)
    },
    close() {
      closed = true
      video.pause()
      video.removeAttribute('src')
      video.load()
      if (address !== undefined) URL.revokeObjectURL(address)
    },
  }
}
