import { given, type Client, type Page, type Query } from './client'

export interface AuditLine {
  readonly id: string
  readonly city: string
  readonly number: number | null
  readonly time_us: number
  readonly actor: string
  readonly name: string | null
  readonly login: string | null
  readonly action: string
  readonly object: string
  readonly outcome: string
  readonly address: string | null
  readonly details: Readonly<Record<string, unknown>>
}

export interface AuditSearch extends Query {
  readonly city?: string | undefined
  readonly actor?: string | undefined
  readonly object?: string | undefined
  readonly action?: string | undefined
  readonly from_us?: number | undefined
  readonly to_us?: number | undefined
}

export interface AuditReport {
  readonly city: string
  readonly intact: boolean
  readonly lines: number
  readonly seals: number
  readonly waiting: number
  readonly signer_known: boolean
  readonly faults: readonly { readonly kind: string; readonly first: number; readonly last: number; readonly about: string }[]
  readonly fault_count: number
}

export const audit = {
  page: (client: Client, search: AuditSearch, cursor: string | undefined) =>
    client.get<Page<AuditLine>>('/audit', given({ ...search, cursor })),
  verify: (client: Client, city: string | undefined) => client.get<AuditReport>('/audit/verify', { city }),
}
