import { Problem } from '../api/problem'
import type { Reason } from '../api/reason'
import { makeBackoff } from '../lib/backoff'
import { hideTracks, joinFrames, mimeOf, readFrames, readTracks, type Frame, type Track } from '../lib/mp4'
import { SECOND } from '../lib/zone'
import { byKeys } from './clock'
import { BEGINNING, makeCover, type Covered, type Hole } from './covered'
import type { Group, Groups } from './groups'
import type { Sink } from './sink'

export type PlaybackState =
  | { readonly kind: 'loading' }
  | { readonly kind: 'showing' }
  | { readonly kind: 'gap'; readonly hole: Hole }
  | { readonly kind: 'end' }
  | { readonly kind: 'failed'; readonly reason: Reason }

export interface Moment {
  readonly at: number
  readonly rate: number
  readonly running: boolean
}

/** The pictures of one camera, led by a clock that is not its own. */
export interface Playback {
  /** Shows what belongs to this moment and fetches what comes; called on each turn of the clock. */
  turn(moment: Moment): void
  /** The clock was set to this moment. */
  jumpTo(moment: Moment): void
  state(): PlaybackState
  /** The frame after, or before; fetched where it is not there. Undefined where there is none. */
  frameBeside(us: number, forward: boolean): Promise<number | undefined>
  marks(): PlaybackMarks
  close(): void
}

export interface PlaybackMarks {
  /** Where the picture is, in microseconds of UTC. */
  readonly shown: number
  readonly groups: number
  readonly bytes: number
  /** Milliseconds from the last jump to its picture; undefined until it is there. */
  readonly jump: number | undefined
  readonly held_s: number
}

/**
 * What is known of a moment before the server is asked for it: `ask` where something is recorded at it or after it, `wait`
 * where that is being found out, `nothing` where there is no recording at all; else the end of the last recording, which
 * may have gone on since.
 */
export type Foresight = 'ask' | 'wait' | 'nothing' | number

export interface PlaybackOptions {
  readonly groups: Groups
  /** Spares the server requests for what is not there. Without it everything is asked for. */
  readonly foresee?: (us: number) => Foresight
  readonly makeSink: () => Sink
  readonly sound: boolean
  onState(state: PlaybackState): void
  /** Milliseconds, never going back. */
  readonly now?: () => number
}

/** Fetched ahead, and held behind, in seconds of playing. */
const AHEAD_S = 6
const BEHIND_S = 8
/** Within so much the picture counts as in step; corrected by playing faster or slower up to the second, then by a jump. */
const STEP = 20_000
const FAR = 500_000
/** How much of a difference is made good in a second, and how much the speed may change for it. */
const GAIN = 1.5
const MOST_BEND = 0.2
/** A picture is looked up this far into its time, as the element rounds. */
const INSIDE = 1000
/** Asked again for what was not recorded yet. */
const LIVE_MS = 1000
/** Groups are taken to last so long until they tell. */
const GROUP_US = SECOND

export function makePlayback(options: PlaybackOptions): Playback {
  const { groups } = options
  const now = options.now ?? (() => performance.now())
  const cover = makeCover()
  const again = makeBackoff({ first: 500, most: 10_000 })
  let sink = options.makeSink()
  let state: PlaybackState = { kind: 'loading' }
  let keys = false
  let backwards = false
  let stop = new AbortController()
  let fetching = false
  let notBefore = 0
  let failure: Reason | undefined
  let init: string | undefined
  let picture: Track | undefined
  let heard: Track | undefined
  /** What was thinned has no sound, and key frames never do: a track without samples would hold the others up. */
  let silent = false
  let hidden: ReadonlySet<number> = new Set()
  let groupUs = GROUP_US
  let sought: number | undefined
  let jumpedAt = now()
  let jump: number | undefined
  let closed = false
  let count = 0
  let bytes = 0
  let begun = false
  let last = 0

  function set(next: PlaybackState): void {
    const same = next.kind === state.kind && JSON.stringify(next) === JSON.stringify(state)
    if (same || closed) return
    state = next
    options.onState(next)
  }

  /** The tracks of a player are what its first init segment says: others want another one. */
  function changeSound(wanted: boolean): void {
    if (silent === !wanted) return
    silent = !wanted
    if (heard === undefined && silent) return
    sink.close()
    sink = options.makeSink()
    init = undefined
    cover.clear()
    void sink.reset(last).catch(failed)
    sink.seek(last)
  }

  /** Starts anew near a moment: nothing held can be used there. */
  function restart(at: number): void {
    stop.abort()
    stop = new AbortController()
    fetching = false
    notBefore = 0
    failure = undefined
    cover.clear()
    sought = undefined
    last = at
    if (options.sound) changeSound(!keys)
    void sink.reset(at).catch(failed)
    sink.seek(at)
  }

  function failed(error: unknown): void {
    if (closed) return
    failure = error instanceof Problem ? error.reason : { code: 'play_failed', values: { detail: (error as Error).message } }
  }

  /** What the browser refused cannot be mended: another element's worth of buffers is made. */
  function renewSink(error: unknown): void {
    failed(error)
    sink.close()
    sink = options.makeSink()
    init = undefined
    cover.clear()
    notBefore = now() + again.next()
  }

  async function ready(group: Group, signal: AbortSignal): Promise<Track> {
    if (picture !== undefined && init === group.init) return picture
    const segment = await groups.init(group.from, signal)
    const tracks = readTracks(segment)
    const video = tracks.find((track) => track.kind === 'video')
    heard = tracks.find((track) => track.kind === 'audio' && options.sound && !silent && sink.canPlay(mimeOf([track])))
    const used = [video, heard].filter((track) => track !== undefined)
    if (video === undefined || !sink.canPlay(mimeOf([video]))) {
      throw new Problem(0, { code: 'no_common_codec', values: { camera: video?.codec ?? '–' } })
    }
    hidden = new Set(tracks.filter((track) => !used.includes(track)).map((track) => track.id))
    hideTracks(segment, hidden)
    if (signal.aborted) throw signal.reason
    await sink.begin(mimeOf(used), segment)
    picture = video
    init = group.init
    return video
  }

  async function take(group: Group, signal: AbortSignal): Promise<void> {
    let video = await ready(group, signal)
    if (heard !== undefined && readFrames(group.bytes, heard).length === 0) {
      changeSound(false)
      video = await ready(group, signal)
    }
    if (keys) joinFrames(group.bytes, video, group.to)
    const frames = readFrames(group.bytes, video)
    hideTracks(group.bytes, hidden)
    count += 1
    bytes += group.bytes.length
    // Told of at once, so that the picture is looked for as soon as it is there.
    await sink.append(group.bytes)
    if (signal.aborted) return
    const { from, to, next, previous, gap } = group
    cover.add({ from, to, next, previous, gap, frames })
    if (!keys) groupUs = Math.max(to - from, SECOND / 10)
  }

  /** Fetches at a moment of which no neighbour is known, if anything is to be had there. */
  function tryAt(at: number, many: number | undefined): void {
    const last = cover.lastBefore(at)
    if (last?.next !== undefined && last.next >= at) {
      fetchAt(at, many)
      return
    }
    if (last !== undefined && last.next === undefined) {
      lookBeyond(at, last.from, many)
      return
    }
    const known = options.foresee?.(at) ?? 'ask'
    if (known === 'ask') fetchAt(at, many)
    else if (known === 'nothing') endAt(at)
    else if (known !== 'wait') lookBeyond(at, Math.max(0, known - 1), many)
  }

  function endAt(at: number): void {
    cover.endsAt(at)
    notBefore = now() + LIVE_MS
  }

  /** What is being recorded goes on: what is known to be there tells whether more came. */
  function lookBeyond(at: number, from: number, many: number | undefined): void {
    const { signal } = stop
    fetching = true
    void groups
      .look(from, signal)
      .then((head) => {
        if (signal.aborted) return
        if (head.to > at + INSIDE || head.next !== undefined) {
          // A group that grows is not fetched anew for each of its frames.
          notBefore = now() + LIVE_MS / 2
          fetchAt(at, many)
        } else {
          endAt(at)
          fetching = false
        }
      })
      .catch((error: unknown) => {
        if (signal.aborted) return
        refused(error, at)
        fetching = false
      })
  }

  function refused(error: unknown, at: number): void {
    if (error instanceof Problem && error.reason.code === 'no_recording') endAt(at)
    else if (error instanceof Problem) {
      failed(error)
      notBefore = now() + again.next()
    } else renewSink(error)
  }

  /** Fetches at a moment; what it was not there for is a hole up to what came. */
  function fetchAt(at: number, many: number | undefined, known: number = at): void {
    const { signal } = stop
    fetching = true
    void groups
      .get(at, many, signal)
      .then(async (group) => {
        if (signal.aborted) return
        if (group.from > known && known === at) cover.addHole({ from: at, to: group.from, reason: undefined })
        await take(group, signal)
        failure = undefined
        again.reset()
      })
      .catch((error: unknown) => {
        if (!signal.aborted) refused(error, at)
      })
      .finally(() => {
        if (!signal.aborted) fetching = false
      })
  }

  function fetchAhead({ at, rate }: Moment): void {
    const reach = AHEAD_S * SECOND * Math.max(1, Math.abs(rate))
    const chunk = keys ? Math.ceil((Math.abs(rate) * 2 * SECOND) / groupUs) : undefined
    if (!backwards) {
      const edge = cover.frontier(at)
      if (edge !== undefined && edge - at < reach) tryAt(edge, chunk)
      // What is being recorded goes on: looked for again until it is there.
      else if (edge === undefined && cover.look(at).kind === 'end') tryAt(at, chunk)
      return
    }
    fetchBehind(at, reach, chunk ?? 1)
  }

  function fetchBehind(at: number, reach: number, chunk: number): void {
    const found = cover.earliest(at)
    if (found === undefined && cover.look(at).kind === 'gap') return
    if (found === undefined) {
      // The group that this moment is in, or the next one, tells where it goes on.
      tryAt(at, 1)
      return
    }
    const { first, before } = found
    if (at - first.from > reach || first.previous === undefined) return
    if (before?.next !== undefined && at - before.to < 2 * reach) {
      // The last answer did not reach as far as was hoped.
      fetchAt(before.next, chunk, NaN)
      return
    }
    // A gap is not crossed in one step: what lies before it is found by its name.
    const isGap = first.from - first.previous > 4 * groupUs
    const target = isGap ? first.previous : Math.min(first.from - groupUs * chunk, first.previous)
    fetchAt(target, isGap ? 1 : chunk + 1, NaN)
  }

  /** The last key frame that is not after the moment. */
  function keyAt(covered: Covered, at: number): Frame | undefined {
    return covered.frames.findLast((frame) => frame.key && frame.at_us <= at) ?? covered.frames.find((frame) => frame.key)
  }

  function showKeys(covered: Covered, at: number): void {
    const frame = keyAt(covered, at)
    sink.setRate(0)
    // The first look-up was for a moment of which there may be no picture: it is not waited for.
    if (frame === undefined || sought === frame.at_us || (sought !== undefined && sink.seeking())) return
    sought = frame.at_us
    sink.seek(frame.at_us + INSIDE)
  }

  function showWhole({ at, rate, running }: Moment): void {
    const off = at - sink.position()
    if (!running) {
      sink.setRate(0)
      if (Math.abs(off) > INSIDE && sought !== at) {
        sought = at
        sink.seek(at)
      }
      return
    }
    sought = undefined
    if (Math.abs(off) > FAR * Math.max(1, rate) && !sink.seeking()) {
      sink.seek(at)
      sink.setRate(rate)
      return
    }
    const bend = Math.abs(off) < STEP ? 0 : Math.max(-MOST_BEND, Math.min(MOST_BEND, (off / SECOND) * GAIN / rate))
    sink.setRate(rate * (1 + bend))
  }

  function evict({ at, rate }: Moment): void {
    const span = BEHIND_S * SECOND * Math.max(1, Math.abs(rate))
    const from = backwards ? at - span : at - BEHIND_S * SECOND
    const to = backwards ? at + BEHIND_S * SECOND : at + 2 * span
    const old = cover.all().filter((one) => one.to < from)
    const far = cover.all().filter((one) => one.from > to)
    if (old.length === 0 && far.length === 0) return
    cover.keep(from, to)
    const drop = (list: readonly Covered[]) => {
      const first = list[0]
      const end = list.at(-1)
      if (first !== undefined && end !== undefined) void sink.remove(first.from, end.to).catch(failed)
    }
    drop(old)
    drop(far)
  }

  function jumpTo(moment: Moment): void {
    if (closed) return
    jumpedAt = now()
    jump = undefined
    sought = undefined
    const fits = byKeys(moment.rate) === keys && cover.look(moment.at).kind !== 'unknown'
    keys = byKeys(moment.rate)
    backwards = moment.rate < 0
    begun = true
    if (!fits) {
      restart(moment.at)
      set({ kind: 'loading' })
    }
    turn(moment)
  }

  function turn(moment: Moment): void {
    if (closed) return
    last = moment.at
    if (!begun || byKeys(moment.rate) !== keys || moment.rate < 0 !== backwards) {
      jumpTo(moment)
      return
    }
    if (!fetching && now() >= notBefore) fetchAhead(moment)
    show(moment)
    evict(moment)
  }

  function show(moment: Moment): void {
    const found = cover.look(moment.at)
    switch (found.kind) {
      case 'have':
        if (keys) showKeys(found.covered, moment.at)
        else showWhole(moment)
        if (sink.hasPicture()) {
          jump ??= now() - jumpedAt
          set({ kind: 'showing' })
        }
        return
      case 'gap':
        sink.setRate(0)
        set(backwards && found.hole.from === BEGINNING ? { kind: 'end' } : { kind: 'gap', hole: found.hole })
        return
      case 'end':
        sink.setRate(0)
        set({ kind: 'end' })
        return
      case 'unknown':
        sink.setRate(0)
        set(failure === undefined ? { kind: 'loading' } : { kind: 'failed', reason: failure })
    }
  }

  function heldAt(us: number): Covered | undefined {
    const found = cover.look(us)
    return found.kind === 'have' ? found.covered : undefined
  }

  async function fetchGroup(us: number): Promise<Covered | undefined> {
    const { signal } = stop
    await take(await groups.get(us, undefined, signal), signal)
    return heldAt(us)
  }

  async function frameBeside(us: number, forward: boolean): Promise<number | undefined> {
    const there = heldAt(us)
    // Where nothing is known to be recorded there is no frame, and nothing is asked.
    if (there === undefined && (options.foresee?.(us) ?? 'ask') !== 'ask') return undefined
    const here = there ?? (await fetchGroup(us))
    if (here === undefined) return undefined
    const index = here.frames.findLastIndex((frame) => frame.at_us <= us)
    const inside = here.frames[forward ? index + 1 : index - 1]
    if (inside !== undefined) return inside.at_us + INSIDE
    const at = forward ? here.next : here.previous
    if (at === undefined) return undefined
    const beside = heldAt(at) ?? (await fetchGroup(at))
    const frame = forward ? beside?.frames[0] : beside?.frames.at(-1)
    return frame === undefined ? undefined : frame.at_us + INSIDE
  }

  return {
    turn,
    jumpTo,
    state: () => state,
    frameBeside,
    marks: () => ({
      shown: sink.position(),
      groups: count,
      bytes,
      jump,
      held_s: cover.all().reduce((sum, one) => sum + (one.to - one.from), 0) / SECOND,
    }),
    close() {
      closed = true
      stop.abort()
      sink.close()
    },
  }
}
