import type { SessionView } from './account'
import { given, type Client, type Page } from './client'
import type { User } from './session'

export interface Role {
  readonly id: string
  readonly home: string
  readonly name: string
  readonly functions: readonly string[]
  readonly shipped: boolean
  readonly version: number
}

export interface RoleDraft {
  readonly name: string
  readonly functions: readonly string[]
  readonly home?: string
}

export interface UserGroup {
  readonly id: string
  readonly home: string
  readonly name: string
  readonly members: readonly string[]
  readonly version: number
}

export interface GroupDraft {
  readonly name: string
  readonly members: readonly string[]
  readonly home?: string
}

export interface GrantDraft {
  readonly role: string
  readonly scope: string
}

export interface Grant extends GrantDraft {
  readonly id: string
  readonly created_us: number
}

export interface UserDraft {
  readonly login: string
  readonly name: string
  readonly password: string
  readonly home: string
  readonly email: string
  readonly grants: readonly GrantDraft[]
}

export type UserChange = Partial<Pick<User, 'login' | 'name' | 'email' | 'language' | 'enabled'>>

export interface Invitation {
  readonly id: string
  readonly home: string
  /** Whose password it sets; null for an invitation. */
  readonly user: string | null
  readonly role: string
  readonly scope: string
  readonly note: string
  readonly created_us: number
  readonly expires_us: number
}

/** A link's secret, shown once. */
export interface NewLink {
  readonly invitation: Invitation
  readonly token: string
}

/** Who holds grants. */
export type HolderKind = 'users' | 'user-groups'

const path = (kind: string, id: string) => `/${kind}/${encodeURIComponent(id)}`

export const users = {
  page: (client: Client, query: { text?: string; home?: string | undefined; cursor?: string | undefined }) =>
    client.get<Page<User>>('/users', given(query)),
  all: (client: Client, home: string) => client.all<User>('/users', { home }),
  get: (client: Client, id: string) => client.get<User>(path('users', id)),
  create: (client: Client, body: UserDraft) => client.change<User>('/users', { method: 'POST', body }),
  change: (client: Client, user: User, body: UserChange) =>
    client.change<User>(path('users', user.id), { method: 'PATCH', body, version: user.version }),
  delete: (client: Client, user: User) =>
    client.change<undefined>(path('users', user.id), { method: 'DELETE', version: user.version }),
  resetPassword: (client: Client, id: string) =>
    client.change<NewLink>(`${path('users', id)}/password-reset`, { method: 'POST' }),
  resetSecondFactor: (client: Client, id: string) =>
    client.change<undefined>(`${path('users', id)}/second-factor`, { method: 'DELETE' }),
  sessions: async (client: Client, id: string) =>
    (await client.get<Page<SessionView>>(`${path('users', id)}/sessions`)).items,
  endSessions: (client: Client, id: string) =>
    client.change<{ readonly count: number }>(`${path('users', id)}/sessions`, { method: 'DELETE' }),
}

export const grants = {
  of: async (client: Client, kind: HolderKind, id: string) =>
    (await client.get<Page<Grant>>(`${path(kind, id)}/grants`)).items,
  give: (client: Client, kind: HolderKind, id: string, body: GrantDraft) =>
    client.change<Grant>(`${path(kind, id)}/grants`, { method: 'POST', body }),
  take: (client: Client, id: string) => client.change<undefined>(path('grants', id), { method: 'DELETE' }),
}

export const userGroups = {
  page: (client: Client, query: { home?: string | undefined; cursor?: string | undefined }) =>
    client.get<Page<UserGroup>>('/user-groups', query),
  get: (client: Client, id: string) => client.get<UserGroup>(path('user-groups', id)),
  create: (client: Client, body: GroupDraft) => client.change<UserGroup>('/user-groups', { method: 'POST', body }),
  change: (client: Client, group: UserGroup, body: GroupDraft) =>
    client.change<UserGroup>(path('user-groups', group.id), { method: 'PUT', body, version: group.version }),
  delete: (client: Client, group: UserGroup) =>
    client.change<undefined>(path('user-groups', group.id), { method: 'DELETE', version: group.version }),
}

export const invitations = {
  page: (client: Client, query: { home?: string | undefined; cursor?: string | undefined }) =>
    client.get<Page<Invitation>>('/invitations', query),
  create: (client: Client, body: GrantDraft & { readonly note: string }) =>
    client.change<NewLink>('/invitations', { method: 'POST', body }),
  withdraw: (client: Client, id: string) => client.change<undefined>(path('invitations', id), { method: 'DELETE' }),
}

export const roles = {
  all: (client: Client, home?: string) => client.all<Role>('/roles', { home }),
  get: (client: Client, id: string) => client.get<Role>(path('roles', id)),
  create: (client: Client, body: RoleDraft) => client.change<Role>('/roles', { method: 'POST', body }),
  change: (client: Client, role: Role, body: RoleDraft) =>
    client.change<Role>(path('roles', role.id), { method: 'PUT', body, version: role.version }),
  delete: (client: Client, role: Role) =>
    client.change<undefined>(path('roles', role.id), { method: 'DELETE', version: role.version }),
}
