import { addressOf, given, type Client, type Page } from './client'
import type { Reason } from './reason'
import type { StreamName } from './streams'

/** Recordings: what there is, what is taken away, what is kept. Times are microseconds of UTC. */

export interface Span {
  readonly from_us: number
  readonly to_us: number
  readonly keys: number
  readonly bytes: number
  readonly error_us: number | null
  readonly camera_offset_ms: number | null
  readonly rebuilt: boolean
  readonly held: boolean
}

export interface Gap {
  readonly from_us: number
  readonly to_us: number
  readonly reason: Reason
  readonly open?: boolean
}

export type MarkKind = 'bookmark' | 'trigger' | 'clip' | 'hold' | 'alarm'

export interface Mark {
  readonly at_us: number
  readonly to_us: number | null
  readonly kind: MarkKind
  readonly id: string
  readonly text: string
}

export interface Timeline {
  readonly camera: string
  readonly stream: StreamName
  readonly from_us: number
  readonly to_us: number
  readonly spans: readonly Span[]
  readonly gaps: readonly Gap[]
  readonly marks: readonly Mark[]
  /** `YYYY-MM-DD` of the city's calendar. */
  readonly days: readonly string[]
  readonly time_zone: string
}

export interface TimelineQuery {
  readonly from_us: number
  readonly to_us: number
  readonly stream: StreamName
  /** What one pixel shows: spans closer than that are one. */
  readonly zoom_us: number
}

export interface PlaybackAddress {
  readonly address: string
  readonly expires_us: number
}

export type RecordMode = 'continuous' | 'event' | 'off'
export const RECORD_MODES: readonly RecordMode[] = ['continuous', 'event', 'off']

export interface Slot {
  /** Monday is 1. */
  readonly days: readonly number[]
  readonly from: string
  readonly to: string
  readonly mode: RecordMode
}

export interface StreamRule {
  readonly mode: RecordMode
  readonly schedule: readonly Slot[]
  readonly audio: boolean
  readonly pre_s: number
  readonly post_s: number
}

export type ThinTo = 'events' | 'keys' | 'stills'
export const THIN_TO: readonly ThinTo[] = ['events', 'keys', 'stills']

export interface Keeping {
  readonly min_days: number | null
  readonly max_days: number | null
  readonly max_bytes: number | null
  readonly thin: readonly { readonly after_days: number; readonly to: ThinTo }[]
}

export interface Rule {
  readonly main: StreamRule
  readonly sub: StreamRule
  readonly keep: Keeping
}

export type ManualAction = 'start' | 'stop' | 'release'

export interface RuleView {
  readonly camera: string
  readonly rule: Rule
  readonly manual: { readonly action: ManualAction; readonly until_us: number | null } | null
  readonly now: Readonly<Partial<Record<StreamName, RecordMode>>>
  readonly next_change_us: number | null
  /** Of this camera, its groups, its city and its plan together. */
  readonly keep: Keeping
  readonly time_zone: string
  readonly version: number
}

export type ExportState = 'pending' | 'processing' | 'completed' | 'error' | 'cancelled'
export type Container = 'mp4' | 'mkv'

export interface ExportPart {
  readonly camera: string
  readonly from_us: number
  readonly to_us: number
  readonly streams: readonly StreamName[]
}

export interface ExportDraft {
  readonly parts: readonly ExportPart[]
  readonly why: string
  readonly container: Container
  readonly audio: boolean
  readonly password: string | null
}

export type ClipReason = 'evidence' | 'incident' | 'export'
export const CLIP_REASONS: readonly ClipReason[] = ['evidence', 'incident', 'export']

export interface ClipDraft {
  readonly camera: string
  readonly from_us: number
  readonly to_us: number
  readonly reason: ClipReason
  readonly name: string
  readonly container: Container
  readonly audio: boolean
}

export interface Export {
  readonly id: string
  readonly kind: 'clip' | 'export' | 'timelapse' | 'archive'
  readonly name: string
  readonly why: string
  readonly parts: readonly ExportPart[]
  readonly locked: boolean
  readonly state: ExportState
  readonly done_bytes: number
  readonly total_bytes: number
  readonly error: Reason | null
  readonly gaps: readonly unknown[]
  readonly file: string | null
  readonly bytes: number | null
  readonly sha256: string | null
  readonly created_us: number
  readonly expires_us: number | null
  readonly version: number
}

export interface BookmarkDraft {
  readonly camera: string
  readonly at_us: number
  readonly to_us?: number
  readonly text: string
}

export interface HoldDraft {
  readonly camera: string
  readonly from_us: number
  readonly to_us: number
  readonly why: string
  readonly case?: string
}

export interface Case {
  readonly id: string
  readonly title: string
  readonly number: string
  readonly state: 'open' | 'closed'
}

export interface Volume {
  readonly name: string
  readonly path: string
  readonly state: string
  readonly reason: string | null
  readonly bytes: number
  readonly free: number
  readonly commit_ms: number
  readonly queue_bytes: number
  /** Bytes a second. */
  readonly rate: number
}

export interface Forecast {
  readonly volumes: readonly { readonly volume: string; readonly rate: number; readonly days: number | null }[]
  readonly cameras: readonly CameraForecast[]
}

export interface CameraForecast {
  readonly camera: string
  readonly bytes: number
  readonly oldest_us: number | null
  readonly rate: number
  readonly days: number | null
}

export interface EvidenceKey {
  readonly key: string
  readonly public: string
  readonly since_us: number
  readonly signed_by: string
}

interface Items<T> {
  readonly items: readonly T[]
}

const of = (camera: string, rest: string) => `/cameras/${encodeURIComponent(camera)}/${rest}`
const export_ = (id: string, rest = '') => `/exports/${encodeURIComponent(id)}${rest}`

export const recording = {
  timelines: async (client: Client, cameras: readonly string[], query: TimelineQuery) =>
    (await client.get<Items<Timeline>>('/timelines', { cameras: cameras.join(','), ...query })).items,
  /** The address of the picture nearest to a moment; fetched with the cookie of the session. */
  picture: (camera: string, at: number, width: number) => addressOf(of(camera, 'picture'), { at_us: at, width }),
  address: (client: Client, camera: string, stream: StreamName, from_us: number, to_us: number, renew: boolean) =>
    client.change<PlaybackAddress>(of(camera, 'playback/address'), { method: 'POST', body: { from_us, to_us, stream, renew } }),
  rule: (client: Client, camera: string) => client.get<RuleView>(of(camera, 'recording')),
  setRule: (client: Client, camera: string, rule: Rule, version: number) =>
    client.change<RuleView>(of(camera, 'recording'), { method: 'PUT', body: rule, version }),
  manual: (client: Client, camera: string, action: ManualAction, until_us: number | null = null) =>
    client.change<RuleView>(of(camera, 'recording/manual'), { method: 'POST', body: { action, until_us } }),

  exports: (client: Client, cursor?: string) => client.get<Page<Export>>('/exports', given({ cursor })),
  export: (client: Client, body: ExportDraft) => client.change<Export>('/exports', { method: 'POST', body }),
  clip: (client: Client, body: ClipDraft) => client.change<Export>('/clips', { method: 'POST', body }),
  cancel: (client: Client, { id, version }: Export) => client.change<Export>(export_(id, '/cancel'), { method: 'POST', version }),
  /** A link that anybody may follow until it runs out. */
  link: (client: Client, id: string) =>
    client.change<{ readonly path: string; readonly expires_us: number }>(export_(id, '/link'), { method: 'POST', body: {} }),

  bookmark: (client: Client, body: BookmarkDraft) => client.change<{ readonly id: string }>('/bookmarks', { method: 'POST', body }),
  cases: (client: Client, city: string) => client.all<Case>('/cases', given({ city })),
  openCase: (client: Client, title: string, city: string) => client.change<Case>('/cases', { method: 'POST', body: { title, city } }),
  hold: (client: Client, body: HoldDraft) => client.change<{ readonly id: string }>('/holds', { method: 'POST', body }),

  volumes: async (client: Client) => (await client.get<Items<Volume>>('/recording/volumes')).items,
  forecast: (client: Client) => client.get<Forecast>('/recording/forecast'),
  keys: async (client: Client) => (await client.get<Items<EvidenceKey>>('/evidence/keys')).items,
}
