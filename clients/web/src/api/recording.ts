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
  readonly timelapse?: Timelapse
}

/** The pace of a time-lapse, one of both: a picture every so often, or how long it plays. */
export interface Timelapse {
  readonly every_s?: number | null
  readonly length_s?: number | null
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
  readonly case?: string
}

export interface ExportGap {
  readonly camera: string
  readonly from_us: number
  readonly to_us: number
  readonly reason: string
}

export interface Export {
  readonly id: string
  readonly city: string
  readonly kind: 'clip' | 'export' | 'timelapse' | 'archive'
  readonly name: string
  readonly why: string
  readonly parts: readonly ExportPart[]
  /** Of a time-lapse alone. */
  readonly timelapse: Timelapse | null
  readonly container: Container
  readonly audio: boolean
  readonly locked: boolean
  readonly state: ExportState
  readonly done_bytes: number
  readonly total_bytes: number
  readonly error: Reason | null
  readonly gaps: readonly ExportGap[]
  readonly file: string | null
  readonly bytes: number | null
  readonly sha256: string | null
  readonly case: string | null
  readonly reason: ClipReason | null
  readonly by: string
  readonly created_us: number
  readonly expires_us: number | null
  readonly version: number
}

/** How long a link may be followed, in seconds. */
export const LINK_TIMES = [3600, 86_400, 7 * 86_400, 30 * 86_400] as const

export interface Link {
  /** Within our origin; told once. */
  readonly path: string
  readonly expires_us: number
}

export interface Bookmark {
  readonly id: string
  readonly camera: string
  readonly at_us: number
  readonly to_us: number | null
  readonly text: string
  readonly by: string
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

export type CaseState = 'open' | 'closed'

export interface Case {
  readonly id: string
  readonly city: string
  readonly title: string
  readonly number: string
  readonly text: string
  readonly state: CaseState
  readonly by: string
  readonly created_us: number
  readonly updated_us: number
  readonly version: number
}

export interface CaseDraft {
  readonly title: string
  readonly number: string
  readonly text: string
}

export interface Note {
  readonly id: string
  readonly text: string
  readonly by: string
  readonly at_us: number
}

export interface StillDraft {
  readonly camera: string
  readonly at_us: number
  readonly stream: StreamName
  readonly text: string
}

/** A picture that a case keeps, whatever becomes of the recording. */
export interface CaseStill extends StillDraft {
  readonly id: string
  readonly width: number
  readonly height: number
  readonly sha256: string
  readonly by: string
  readonly created_us: number
}

export type HoldState = 'placing' | 'active' | 'releasing' | 'released'

export interface Hold {
  readonly id: string
  readonly city: string
  readonly camera: string
  readonly case: string | null
  readonly from_us: number
  readonly to_us: number
  readonly why: string
  readonly state: HoldState
  readonly by: string
  readonly created_us: number
  readonly released_us: number | null
  readonly version: number
}

export interface Volume {
  readonly name: string
  readonly path: string
  readonly state: string
  readonly reason: string | null
  readonly bytes: number
  /** Null: nobody set a limit to a bucket. */
  readonly free: number | null
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
  /** SHA-256 of the public key, in hexadecimal. */
  readonly fingerprint: string
  /** The same key as SubjectPublicKeyInfo, which openssl reads. */
  readonly pem: string
  readonly since_us: number
  readonly signed_by: string
}

interface Items<T> {
  readonly items: readonly T[]
}

/** So many ids, of 63 letters at most, are asked about at once: a query takes 8000. */
const FORECAST_AT_ONCE = 100

async function forecast(client: Client, cameras: readonly string[]): Promise<Forecast> {
  const parts: Forecast[] = []
  for (let from = 0; from < cameras.length; from += FORECAST_AT_ONCE) {
    parts.push(await client.get('/recording/forecast', { cameras: cameras.slice(from, from + FORECAST_AT_ONCE).join(',') }))
  }
  return { volumes: parts[0]?.volumes ?? [], cameras: parts.flatMap((part) => part.cameras) }
}

const of = (camera: string, rest: string) => `/cameras/${encodeURIComponent(camera)}/${rest}`
const export_ = (id: string, rest = '') => `/exports/${encodeURIComponent(id)}${rest}`
const case_ = (id: string, rest = '') => `/cases/${encodeURIComponent(id)}${rest}`

export const recording = {
  timelines: async (client: Client, cameras: readonly string[], query: TimelineQuery) =>
    (await client.get<Items<Timeline>>('/timelines', { cameras: cameras.join(','), ...query })).items,
  /** The address of the picture nearest to a moment; fetched with the cookie of the session. */
  picture: (camera: string, at: number, width: number) => addressOf(of(camera, 'picture'), { at_us: at, width }),
  /** The address of the frame of a moment, as large as it was recorded. */
  frame: (camera: string, at: number) => addressOf(of(camera, 'picture'), { at_us: Math.round(at), exact: true }),
  address: (client: Client, camera: string, stream: StreamName, from_us: number, to_us: number, renew: boolean) =>
    client.change<PlaybackAddress>(of(camera, 'playback/address'), { method: 'POST', body: { from_us, to_us, stream, renew } }),
  rule: (client: Client, camera: string) => client.get<RuleView>(of(camera, 'recording')),
  setRule: (client: Client, camera: string, rule: Rule, version: number) =>
    client.change<RuleView>(of(camera, 'recording'), { method: 'PUT', body: rule, version }),
  manual: (client: Client, camera: string, action: ManualAction, until_us: number | null = null) =>
    client.change<RuleView>(of(camera, 'recording/manual'), { method: 'POST', body: { action, until_us } }),

  exports: (client: Client, cursor?: string) => client.get<Page<Export>>('/exports', given({ cursor })),
  clips: (client: Client, cursor?: string) => client.get<Page<Export>>('/clips', given({ cursor })),
  clipsOf: (client: Client, case_: string) => client.all<Export>('/clips', { case: case_ }),
  archivesOf: (client: Client, case_: string) => client.all<Export>('/exports', { case: case_ }),
  export: (client: Client, body: ExportDraft) => client.change<Export>('/exports', { method: 'POST', body }),
  clip: (client: Client, body: ClipDraft) => client.change<Export>('/clips', { method: 'POST', body }),
  getExport: (client: Client, id: string) => client.get<Export>(export_(id)),
  cancel: (client: Client, id: string) => client.change<Export>(export_(id, '/cancel'), { method: 'POST' }),
  deleteExport: (client: Client, id: string) => client.change<undefined>(export_(id), { method: 'DELETE' }),
  /** Where a file is for who is signed in. */
  fileOf: (id: string) => addressOf(export_(id, '/file')),
  /** A link that anybody may follow until it runs out. */
  link: (client: Client, id: string, valid_s: number) => client.change<Link>(export_(id, '/link'), { method: 'POST', body: { valid_s } }),

  bookmark: (client: Client, body: BookmarkDraft) => client.change<{ readonly id: string }>('/bookmarks', { method: 'POST', body }),
  bookmarks: (client: Client, camera: string, text: string, cursor?: string) => client.get<Page<Bookmark>>('/bookmarks', given({ camera, text, cursor })),
  changeBookmark: (client: Client, { id, version }: Bookmark, text: string) =>
    client.change<Bookmark>(`/bookmarks/${id}`, { method: 'PATCH', body: { text }, version }),
  deleteBookmark: (client: Client, { id, version }: Bookmark) => client.change<undefined>(`/bookmarks/${id}`, { method: 'DELETE', version }),

  cases: (client: Client, city: string) => client.all<Case>('/cases', given({ city })),
  casePage: (client: Client, city: string, state: string, cursor?: string) => client.get<Page<Case>>('/cases', given({ city, state, cursor })),
  case: (client: Client, id: string) => client.get<Case>(case_(id)),
  openCase: (client: Client, body: { readonly title: string; readonly number?: string; readonly text?: string; readonly city: string }) =>
    client.change<Case>('/cases', { method: 'POST', body }),
  changeCase: (client: Client, { id, version }: Case, body: Partial<CaseDraft & { readonly state: CaseState }>) =>
    client.change<Case>(case_(id), { method: 'PATCH', body, version }),
  notes: async (client: Client, id: string) => (await client.get<Items<Note>>(case_(id, '/notes'))).items,
  note: (client: Client, id: string, text: string) => client.change<Note>(case_(id, '/notes'), { method: 'POST', body: { text } }),
  stills: async (client: Client, id: string) => (await client.get<Items<CaseStill>>(case_(id, '/stills'))).items,
  /** Keeps the picture of a moment; the answer tells the moment of the frame that was found. */
  still: (client: Client, id: string, body: StillDraft) => client.change<CaseStill>(case_(id, '/stills'), { method: 'POST', body }),
  /** Where the picture of a still is for who is signed in. */
  stillPicture: (id: string, still: string) => addressOf(case_(id, `/stills/${encodeURIComponent(still)}`)),
  archive: (client: Client, id: string, why: string, password: string | null) =>
    client.change<Export>(case_(id, '/archive'), { method: 'POST', body: { why, password } }),
  holds: (client: Client, case_: string) => client.all<Hold>('/holds', { case: case_ }),
  release: (client: Client, { id, version }: Hold, why: string) => client.change<Hold>(`/holds/${id}/release`, { method: 'POST', body: { why }, version }),
  hold: (client: Client, body: HoldDraft) => client.change<{ readonly id: string }>('/holds', { method: 'POST', body }),

  volumes: async (client: Client) => (await client.get<Items<Volume>>('/recording/volumes')).items,
  forecast,
  keys: async (client: Client) => (await client.get<Items<EvidenceKey>>('/evidence/keys')).items,
}
