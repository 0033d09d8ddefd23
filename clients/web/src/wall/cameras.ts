import type { StreamName, StreamStatus } from '../api/streams'
import type { PlayerStats } from '../player/stats'

export interface Camera {
  readonly id: string
  readonly name: string
  readonly streams: Readonly<Partial<Record<StreamName, StreamStatus>>>
}

/** Groups streams by camera, in the order of their names. */
export function camerasOf(streams: readonly StreamStatus[]): Camera[] {
  return mergeStreams([], streams)
}

/** The cameras with these streams put in. */
export function mergeStreams(cameras: readonly Camera[], streams: readonly StreamStatus[]): Camera[] {
  const merged = new Map(cameras.map((camera) => [camera.id, camera]))
  for (const status of streams) {
    const old = merged.get(status.camera)
    merged.set(status.camera, {
      id: status.camera,
      name: [status.name, old?.name].find((name) => name !== undefined && name !== '') ?? status.camera,
      streams: { ...old?.streams, [status.stream]: { ...old?.streams[status.stream], ...status } },
    })
  }
  return [...merged.values()].sort(byName)
}

/** As people count: 2 comes before 10. */
const collator = new Intl.Collator(undefined, { numeric: true })

function byName(one: Camera, other: Camera): number {
  return collator.compare(one.name, other.name) || collator.compare(one.id, other.id)
}

/** Tiles more than this many times wider than the sub-stream show the main stream. */
const SUB_STRETCH = 2

/**
 * The stream that a tile of so many device pixels shows, which shows `now`: the sub-stream, unless
 * there is none, it is down while the main stream is not, or it is far too small.
 */
export function chooseStream(camera: Camera, pixels: number, now?: StreamName): StreamName {
  const { main, sub } = camera.streams
  if (sub === undefined) return 'main'
  // A stream on demand is opened by looking at it, and connecting for a while then.
  const opens = main?.state === 'idle' || (main?.state === 'connecting' && now === 'main')
  if (main?.state !== 'live' && !opens) return 'sub'
  const down = sub.state === 'off' || sub.state === 'stalled' || sub.state === 'backing_off'
  const small = sub.width !== null && pixels > sub.width * SUB_STRETCH
  return down || small ? 'main' : 'sub'
}

/**
 * The same figures, and that the sub-stream is seen in the main stream's place: the server sends it
 * by WebRTC while the network bears no more, and what comes then has its size. Where both streams
 * have one size nothing tells, and nothing is said.
 */
export function asShown(stats: PlayerStats | undefined, asked: StreamName, camera: Camera): PlayerStats | undefined {
  const { main, sub } = camera.streams
  const inItsPlace = stats?.chosen !== undefined && stats.chosen.reason !== null
  if (stats === undefined || asked !== 'main' || stats.way !== 'webrtc' || inItsPlace) return stats
  const has = (stream: StreamStatus | undefined) => stream?.width === stats.width && stream.height === stats.height
  return has(sub) && !has(main) ? { ...stats, chosen: { variant: 'sub', reason: 'path' } } : stats
}

/** A camera counts as live when any of its streams is. */
export function isLive(camera: Camera): boolean {
  return camera.streams.main?.state === 'live' || camera.streams.sub?.state === 'live'
}
