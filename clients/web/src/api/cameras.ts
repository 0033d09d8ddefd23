import { given, type Client, type Page, type Query } from './client'
import type { Reason } from './reason'
import type { StreamStatus } from './streams'

export type CameraState = 'online' | 'offline' | 'off' | 'unknown'
export const CAMERA_STATES: readonly CameraState[] = ['online', 'offline', 'off', 'unknown']
export const GENERIC = 'generic'

export interface CameraStatus {
  readonly state: CameraState
  readonly reason: Reason | null
  readonly since_us: number | null
}

export interface CameraItem {
  readonly id: string
  readonly city: string
  readonly name: string
  readonly maker: string
  readonly enabled: boolean
  readonly site: string | null
  readonly groups: readonly string[]
  readonly tags: readonly string[]
  readonly masked: boolean
  readonly version: number
  readonly status: CameraStatus
}

/** A named polygon on the picture, from (0, 0), top left, to (1, 1). */
export interface Area {
  readonly name: string
  readonly points: readonly (readonly [number, number])[]
}

/** What of a camera can be written and is shown. */
export interface CameraFields {
  readonly name: string
  readonly maker: string
  readonly host: string | null
  readonly port: number | null
  readonly channel: number
  readonly sub_stream: boolean
  readonly url: string | null
  readonly sub_url: string | null
  readonly backup_url: string | null
  readonly backup_sub_url: string | null
  readonly transport: 'tcp' | 'udp' | null
  /** Called only while somebody views it; null: as the address says. */
  readonly on_demand: boolean | null
  /** Where the main stream is brought to, without passphrases. */
  readonly push: readonly string[]
  readonly sub_push: readonly string[]
  readonly user: string | null
  readonly enabled: boolean
  readonly site: string | null
  readonly groups: readonly string[]
  readonly tags: readonly string[]
  readonly latitude: number | null
  readonly longitude: number | null
}

export interface Camera extends CameraFields {
  readonly id: string
  readonly city: string
  readonly has_password: boolean
  /** Of the second addresses; null: they are opened as the first ones are. */
  readonly backup_user: string | null
  readonly has_backup_password: boolean
  readonly has_push_passphrases: boolean
  readonly masks: readonly Area[]
  readonly zones: readonly Area[]
  readonly version: number
  readonly status: CameraStatus
  /** The addresses that follow from the fields, without credentials. */
  readonly streams: Readonly<Record<string, string>>
}

/** A password that is left out stays as it is; null removes it. */
export type CameraDraft = Partial<CameraFields> & {
  readonly password?: string | null
  /** By the addresses of push targets. */
  readonly push_passphrases?: Readonly<Record<string, string>> | null
}

/** A stream came into a state, and why. */
export interface Transition {
  readonly at_us: number
  readonly state: CameraState
  readonly reason: Reason | null
}

export interface HistoryQuery extends Query {
  readonly stream?: string | undefined
  readonly cursor?: string | undefined
}

export interface Span {
  readonly from_us: number
  readonly to_us: number
  readonly state: CameraState
  readonly reason: Reason | null
}

/** A time without video, and every reason that was seen in it. */
export interface Outage {
  readonly from_us: number
  readonly to_us: number
  readonly reasons: readonly Reason[]
}

/** How a camera did in a period; what was off or unknown counts neither way. */
export interface Uptime {
  readonly from_us: number
  readonly to_us: number
  /** Of what is known; null where nothing is. */
  readonly percent: number | null
  readonly online_us: number
  readonly offline_us: number
  readonly off_us: number
  readonly unknown_us: number
  /** The newest thousand, oldest first. */
  readonly outages: readonly Outage[]
  readonly outages_total: number
  readonly unknown: readonly Span[]
}

export interface CameraQuery extends Query {
  readonly city?: string | undefined
  readonly group?: string | undefined
  readonly site?: string | undefined
  readonly name?: string | undefined
  readonly state?: string | undefined
  readonly cursor?: string | undefined
}

export interface Maker {
  readonly id: string
  readonly title: string
  readonly default_port: number
  readonly channels: number
  readonly notes: string
  readonly main: string | null
  readonly sub: string | null
}

/** How a camera is doing, with its streams as they are now. */
export interface CameraNow extends CameraStatus {
  readonly streams: readonly StreamStatus[]
}

export type RowOutcome = 'created' | 'updated' | 'unchanged' | 'failed'

export interface ImportRow {
  readonly line: number
  readonly outcome: RowOutcome
  readonly id: string | null
  readonly name: string | null
  readonly code: string | null
  readonly message: string | null
  readonly values: Readonly<Record<string, string | number>>
}

export interface ImportReport {
  readonly dry_run: boolean
  readonly created: number
  readonly updated: number
  readonly unchanged: number
  readonly failed: number
  readonly rows: readonly ImportRow[]
}

export type FileKind = 'csv' | 'json'
const MEDIA: Readonly<Record<FileKind, string>> = { csv: 'text/csv', json: 'application/json' }

const DAY_MS = 86_400_000

const at = (id: string) => `/cameras/${encodeURIComponent(id)}`

export const cameras = {
  page: (client: Client, query: CameraQuery) => client.get<Page<CameraItem>>('/cameras', given(query)),
  all: (client: Client, city: string) => client.all<CameraItem>('/cameras', { city }),
  get: (client: Client, id: string) => client.get<Camera>(at(id)),
  now: (client: Client, id: string) => client.get<CameraNow>(`${at(id)}/status`),
  create: (client: Client, city: string, draft: CameraDraft) =>
    client.change<Camera>('/cameras', { method: 'POST', body: { city, ...draft } }),
  change: (client: Client, camera: Camera, body: CameraDraft) =>
    client.change<Camera>(at(camera.id), { method: 'PATCH', body, version: camera.version }),
  delete: (client: Client, camera: Camera) =>
    client.change<undefined>(at(camera.id), { method: 'DELETE', version: camera.version }),
  history: (client: Client, id: string, query: HistoryQuery) =>
    client.get<Page<Transition>>(`${at(id)}/history`, given(query)),
  /** Of the last days. */
  uptime: (client: Client, id: string, days: number) =>
    client.get<Uptime>(`${at(id)}/uptime`, { from_us: (Date.now() - days * DAY_MS) * 1000 }),
  makers: async (client: Client) => (await client.get<{ readonly items: readonly Maker[] }>('/makers')).items,
  import: (client: Client, city: string, kind: FileKind, body: Blob | string, dryRun: boolean) => {
    const query = new URLSearchParams({ city, dry_run: String(dryRun) })
    return client.change<ImportReport>(`/cameras/import.${kind}?${query}`, { method: 'POST', body, media: MEDIA[kind] })
  },
}
