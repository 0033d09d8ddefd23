import type { PlaybackMarks, PlaybackState } from './playback'
import type { Marks, Phase } from './player'
import type { PlayerStats } from './stats'

/** One player of the page, as tests and benchmarks see it. */
export interface Entry {
  readonly camera: string
  readonly stream: string
  phase(): Phase
  marks(): Marks
  stats(): Promise<PlayerStats | undefined>
}

export interface EntryStats extends Partial<PlayerStats>, Marks {
  readonly camera: string
  readonly stream: string
  readonly phase: Phase
}

export interface PageStatistics {
  stats(): Promise<readonly EntryStats[]>
}

export interface PlaybackEntry extends PlaybackMarks {
  readonly id: string
  readonly state: PlaybackState['kind']
}

declare global {
  interface Window {
    /** Where recorded pictures are, beside their clock. */
    __vmsPlayback?: () => { readonly at: number; readonly tiles: readonly PlaybackEntry[] }
    /** Statistics of every player: what browser tests and benchmarks read. */
    __vms?: PageStatistics
  }
}

const entries = new Set<Entry>()

/** Makes a player visible in `window.__vms`; the returned function takes it out again. */
export function register(entry: Entry): () => void {
  entries.add(entry)
  window.__vms ??= { stats: () => Promise.all([...entries].map(read)) }
  return () => {
    entries.delete(entry)
  }
}

async function read(entry: Entry): Promise<EntryStats> {
  const stats = await entry.stats()
  return { camera: entry.camera, stream: entry.stream, phase: entry.phase(), ...entry.marks(), ...stats }
}

/** Makes the pictures of a desk visible in `window.__vmsPlayback`; the returned function takes them out again. */
export function showPlayback(at: () => number, tiles: () => readonly PlaybackEntry[]): () => void {
  window.__vmsPlayback = () => ({ at: at(), tiles: tiles() })
  return () => {
    delete window.__vmsPlayback
  }
}
