import type { Client, Page } from './client'
import type { User } from './session'

/** What the first admin, or somebody invited, fills in. */
export interface NewAccount {
  readonly token: string
  readonly login: string
  readonly name: string
  readonly password: string
  readonly email?: string
  readonly language?: string
}

/** What a link is for; `login` is set where it sets a new password. */
export interface Offer {
  readonly home: string
  readonly role: string
  readonly login: string | null
  readonly expires_us: number
}

export interface Enrolment {
  readonly secret: string
  readonly url: string
}

export interface SessionView {
  readonly id: string
  readonly agent: string
  readonly address: string
  readonly second_factor: boolean
  readonly created_us: number
  readonly used_us: number
  readonly expires_us: number
  readonly current: boolean
}

interface Codes {
  readonly codes: readonly string[]
}

export function acceptSetup(client: Client, body: NewAccount): Promise<User> {
  return client.change('/auth/setup', { method: 'POST', body })
}

export function lookAtLink(client: Client, token: string): Promise<Offer> {
  return client.change('/auth/invitations/look', { method: 'POST', body: { token } })
}

export function acceptInvitation(client: Client, body: NewAccount): Promise<User> {
  return client.change('/auth/invitations/accept', { method: 'POST', body })
}

export function resetPassword(client: Client, token: string, password: string): Promise<void> {
  return client.change('/auth/password-reset', { method: 'POST', body: { token, password } })
}

export function beginTotp(client: Client): Promise<Enrolment> {
  return client.change('/auth/totp', { method: 'POST' })
}

export async function confirmTotp(client: Client, code: string): Promise<readonly string[]> {
  return (await client.change<Codes>('/auth/totp/confirm', { method: 'POST', body: { code } })).codes
}

export function removeTotp(client: Client, code: string): Promise<void> {
  return client.change('/auth/totp/remove', { method: 'POST', body: { code } })
}

export async function renewRecoveryCodes(client: Client, code: string): Promise<readonly string[]> {
  return (await client.change<Codes>('/auth/recovery-codes', { method: 'POST', body: { code } })).codes
}

export function changePassword(client: Client, current: string, next: string): Promise<void> {
  return client.change('/auth/password', { method: 'POST', body: { current, new: next } })
}

export type OwnChange = Partial<Pick<User, 'name' | 'email' | 'language'>>

export function changeMe(client: Client, change: OwnChange, version: number): Promise<User> {
  return client.change('/auth/me', { method: 'PATCH', body: change, version })
}

export async function listSessions(client: Client): Promise<readonly SessionView[]> {
  return (await client.get<Page<SessionView>>('/auth/sessions')).items
}

export function endSession(client: Client, id: string): Promise<void> {
  return client.change(`/auth/sessions/${encodeURIComponent(id)}`, { method: 'DELETE' })
}

export function endOtherSessions(client: Client): Promise<{ readonly count: number }> {
  return client.change('/auth/sessions', { method: 'DELETE' })
}
