import { given, type Client, type Page } from './client'

export const QUOTAS = ['cameras', 'users', 'clips', 'streams', 'retention_days', 'lpr_cameras'] as const
export type Quota = (typeof QUOTAS)[number]

export interface CityDraft {
  readonly name: string
  readonly plan: string
  readonly cnpj: string | null
  readonly time_zone: string
  readonly language: string
  /** A city's own numbers before its plan's; null is unlimited. */
  readonly overrides: Readonly<Partial<Record<Quota, number | null>>>
}

export interface City extends CityDraft {
  readonly id: string
  readonly state: 'active' | 'suspended'
  readonly version: number
}

export interface PlanDraft {
  readonly name: string
  /** What is absent is unlimited. */
  readonly limits: Readonly<Partial<Record<Quota, number>>>
}

export interface Plan extends PlanDraft {
  readonly id: string
  readonly version: number
}

export interface QuotaUse {
  readonly quota: Quota
  readonly limit: number | null
  readonly used: number | null
}

export interface SiteDraft {
  readonly name: string
  readonly address: string
  readonly latitude: number | null
  readonly longitude: number | null
}

export interface Site extends SiteDraft {
  readonly id: string
  readonly version: number
}

export interface CameraGroup {
  readonly id: string
  readonly name: string
  readonly version: number
}

const at = (city: string, ...rest: readonly string[]) => ['/cities', ...[city, ...rest].map(encodeURIComponent)].join('/')

export const cities = {
  page: (client: Client, query: { text?: string; cursor?: string | undefined }) =>
    client.get<Page<City>>('/cities', given(query)),
  all: (client: Client) => client.all<City>('/cities'),
  get: (client: Client, id: string) => client.get<City>(at(id)),
  create: (client: Client, id: string, draft: CityDraft) =>
    client.change<City>('/cities', { method: 'POST', body: { id, ...draft } }),
  change: (client: Client, city: City, body: CityDraft) =>
    client.change<City>(at(city.id), { method: 'PUT', body, version: city.version }),
  setState: (client: Client, city: City, act: 'suspend' | 'resume') =>
    client.change<City>(at(city.id, act), { method: 'POST', version: city.version }),
  delete: (client: Client, city: City) => client.change<undefined>(at(city.id), { method: 'DELETE', version: city.version }),
  usage: async (client: Client, id: string) =>
    (await client.get<{ readonly items: readonly QuotaUse[] }>(at(id, 'usage'))).items,
}

export const plans = {
  all: async (client: Client) => (await client.get<Page<Plan>>('/plans')).items,
  get: (client: Client, id: string) => client.get<Plan>(`/plans/${encodeURIComponent(id)}`),
  create: (client: Client, id: string, draft: PlanDraft) =>
    client.change<Plan>('/plans', { method: 'POST', body: { id, ...draft } }),
  change: (client: Client, plan: Plan, body: PlanDraft) =>
    client.change<Plan>(`/plans/${encodeURIComponent(plan.id)}`, { method: 'PUT', body, version: plan.version }),
  delete: (client: Client, plan: Plan) =>
    client.change<undefined>(`/plans/${encodeURIComponent(plan.id)}`, { method: 'DELETE', version: plan.version }),
}

export const sites = {
  all: (client: Client, city: string) => client.all<Site>(at(city, 'sites')),
  create: (client: Client, city: string, body: SiteDraft) =>
    client.change<Site>(at(city, 'sites'), { method: 'POST', body }),
  change: (client: Client, city: string, site: Site, body: SiteDraft) =>
    client.change<Site>(at(city, 'sites', site.id), { method: 'PUT', body, version: site.version }),
  delete: (client: Client, city: string, site: Site) =>
    client.change<undefined>(at(city, 'sites', site.id), { method: 'DELETE', version: site.version }),
}

export const cameraGroups = {
  all: (client: Client, city: string) => client.all<CameraGroup>(at(city, 'groups')),
  get: (client: Client, city: string, id: string) => client.get<CameraGroup>(at(city, 'groups', id)),
  create: (client: Client, city: string, name: string) =>
    client.change<CameraGroup>(at(city, 'groups'), { method: 'POST', body: { name } }),
  change: (client: Client, city: string, group: CameraGroup, name: string) =>
    client.change<CameraGroup>(at(city, 'groups', group.id), { method: 'PUT', body: { name }, version: group.version }),
  delete: (client: Client, city: string, group: CameraGroup) =>
    client.change<undefined>(at(city, 'groups', group.id), { method: 'DELETE', version: group.version }),
}
