import type { Client } from './client'

export interface ApiKey {
  readonly id: string
  readonly name: string
  readonly role: string
  readonly scope: string
  readonly expires_us: number
  readonly used_us: number | null
}

export interface StreamKey {
  readonly id: string
  readonly name: string
  readonly scope: string
  readonly audio: boolean
  readonly expires_us: number
}

interface KeyDraft {
  readonly name: string
  readonly scope: string
  readonly days: number
}

export const apiKeys = {
  own: (client: Client) => client.all<ApiKey>('/api-keys'),
  create: (client: Client, body: KeyDraft & { readonly role: string }) =>
    client.change<{ readonly key: ApiKey; readonly token: string }>('/api-keys', { method: 'POST', body }),
  withdraw: (client: Client, id: string) =>
    client.change<undefined>(`/api-keys/${encodeURIComponent(id)}`, { method: 'DELETE' }),
}

export const streamKeys = {
  own: (client: Client) => client.all<StreamKey>('/stream-keys'),
  create: (client: Client, body: KeyDraft & { readonly audio: boolean }) =>
    client.change<{ readonly key: StreamKey; readonly secret: string }>('/stream-keys', { method: 'POST', body }),
  withdraw: (client: Client, id: string) =>
    client.change<undefined>(`/stream-keys/${encodeURIComponent(id)}`, { method: 'DELETE' }),
}
