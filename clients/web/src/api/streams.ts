import { problemOf } from './problem'
import type { Reason } from './reason'

export type StreamState = 'connecting' | 'live' | 'stalled' | 'backing_off' | 'idle' | 'off'
export type StreamName = 'main' | 'sub'

export interface StreamStatus {
  readonly camera: string
  readonly name?: string
  readonly stream: StreamName
  readonly state: StreamState
  readonly reason: Reason | null
  readonly codec: string | null
  readonly width: number | null
  readonly height: number | null
  readonly fps: number | null
  readonly bitrate: number | null
  readonly readers: number
  readonly drops: number
  /** The second address plays. */
  readonly backup?: boolean
  /** Its pictures are converted for viewers who do not take them. */
  readonly transcode?: Transcode | null
  /** Where those stand that it is brought to. */
  readonly push?: readonly PushStatus[]
}

export interface PushStatus {
  /** Host and port. */
  readonly target: string
  readonly state: StreamState
  readonly reason: Reason | null
}

export interface Transcode {
  readonly viewers: number
  readonly works: boolean
  readonly cpu_percent: number
  readonly memory_bytes: number
}

interface Page {
  readonly items: readonly StreamStatus[]
  readonly next: string | null
}

export type Fetch = (input: string, init?: RequestInit) => Promise<Response>

/** Every stream, page after page. Rejects with a Problem. */
export async function listStreams(get: Fetch = fetch): Promise<readonly StreamStatus[]> {
  const items: StreamStatus[] = []
  let next: string | null = null
  do {
    const query = next === null ? '' : `?cursor=${encodeURIComponent(next)}`
    const answer = await get(`/api/v1/streams${query}`)
    if (!answer.ok) throw await problemOf(answer)
    const page = (await answer.json()) as Page
    items.push(...page.items)
    next = page.next
  } while (next !== null)
  return items
}
