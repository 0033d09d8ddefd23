import type { Client } from './client'
import type { StreamName } from './streams'

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
  /** Recordings are played by it too. */
  readonly playback: boolean
  /** Cameras send by it; else players view by it. */
  readonly publish: boolean
  readonly expires_us: number
}

/** Where an encoder sends a stream; it holds the key. */
export interface PublishAddress {
  readonly protocol: 'srt' | 'rtmps' | 'rtmp' | 'whip'
  readonly stream: StreamName
  readonly address: string
  /** Typed in beside the address, where the protocol has a place for it. */
  readonly bearer: string | null
}

export interface NewStreamKey {
  readonly key: StreamKey
  readonly secret: string
  readonly publish_to: readonly PublishAddress[]
}

interface KeyDraft {
  readonly name: string
  readonly scope: string
  readonly days: number
}

interface StreamKeyDraft extends KeyDraft {
  readonly audio: boolean
  readonly playback: boolean
  readonly publish: boolean
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
  create: (client: Client, body: StreamKeyDraft) =>
    client.change<NewStreamKey>('/stream-keys', { method: 'POST', body }),
  withdraw: (client: Client, id: string) =>
    client.change<undefined>(`/stream-keys/${encodeURIComponent(id)}`, { method: 'DELETE' }),
}
