import { lazy, type Component } from 'solid-js'
import { Wall } from './wall/Wall'

type Screen = Component<Readonly<Record<string, string>>>

export interface Route {
  readonly pattern: string
  readonly screen: Screen
  /** For who is not signed in. */
  readonly door?: boolean
}

export const SIGN_IN = '/sign-in'
export const ENROL = '/account/second-factor'

/** A screen whose code is fetched when it is first shown. */
function later(load: () => Promise<Screen>): Screen {
  return lazy(async () => ({ default: await load() }))
}

const RoleScreen = later(async () => (await import('./roles/RoleScreen')).RoleScreen)
const CityScreen = later(async () => (await import('./cities/CityScreen')).CityScreen)
const PlanScreen = later(async () => (await import('./cities/PlanScreen')).PlanScreen)
const CameraScreen = later(async () => (await import('./cameras/CameraScreen')).CameraScreen)
const HistoryScreen = later(async () => (await import('./cameras/HistoryScreen')).HistoryScreen)
const UserGroupScreen = later(async () => (await import('./users/UserGroupScreen')).UserGroupScreen)

/** All screens; of two patterns that fit, the first. The wall comes with the page. */
export const ROUTES: readonly Route[] = [
  { pattern: '/', screen: () => <Wall /> },
  { pattern: SIGN_IN, screen: later(async () => (await import('./signin/SignIn')).SignIn), door: true },
  { pattern: '/enter', screen: later(async () => (await import('./signin/Enter')).Enter), door: true },
  { pattern: '/setup', screen: later(async () => (await import('./setup/Setup')).Setup), door: true },
  { pattern: '/invitation', screen: later(async () => (await import('./setup/Invitation')).Invitation), door: true },
  { pattern: ENROL, screen: later(async () => (await import('./account/SecondFactorScreen')).SecondFactorScreen) },
  { pattern: '/account', screen: later(async () => (await import('./account/Account')).Account) },
  { pattern: '/users', screen: later(async () => (await import('./users/Users')).Users) },
  { pattern: '/users/new', screen: later(async () => (await import('./users/NewUser')).NewUser) },
  { pattern: '/users/invite', screen: later(async () => (await import('./users/Invite')).Invite) },
  { pattern: '/users/invitations', screen: later(async () => (await import('./users/Invitations')).Invitations) },
  { pattern: '/users/groups', screen: later(async () => (await import('./users/UserGroups')).UserGroups) },
  { pattern: '/users/groups/new', screen: UserGroupScreen },
  { pattern: '/users/groups/:id', screen: UserGroupScreen },
  { pattern: '/users/:id', screen: later(async () => (await import('./users/UserScreen')).UserScreen) },
  { pattern: '/roles', screen: later(async () => (await import('./roles/Roles')).Roles) },
  { pattern: '/roles/new', screen: RoleScreen },
  { pattern: '/roles/:id', screen: RoleScreen },
  { pattern: '/cities', screen: later(async () => (await import('./cities/Cities')).Cities) },
  { pattern: '/cities/new', screen: CityScreen },
  { pattern: '/cities/plans', screen: later(async () => (await import('./cities/Plans')).Plans) },
  { pattern: '/cities/plans/new', screen: PlanScreen },
  { pattern: '/cities/plans/:id', screen: PlanScreen },
  { pattern: '/cities/:id', screen: CityScreen },
  { pattern: '/places', screen: later(async () => (await import('./places/Places')).Places) },
  { pattern: '/cameras', screen: later(async () => (await import('./cameras/Cameras')).Cameras) },
  { pattern: '/cameras/new', screen: CameraScreen },
  { pattern: '/cameras/import', screen: later(async () => (await import('./cameras/ImportScreen')).ImportScreen) },
  { pattern: '/cameras/:id', screen: CameraScreen },
  { pattern: '/cameras/:id/history', screen: HistoryScreen },
  { pattern: '/playback', screen: later(async () => (await import('./playback/Playback')).Playback) },
  { pattern: '/exports', screen: later(async () => (await import('./exports/Exports')).Exports) },
  { pattern: '/cases', screen: later(async () => (await import('./cases/Cases')).Cases) },
  { pattern: '/cases/:id', screen: later(async () => (await import('./cases/CaseScreen')).CaseScreen) },
  { pattern: '/storage', screen: later(async () => (await import('./storage/Storage')).Storage) },
  { pattern: '/audit', screen: later(async () => (await import('./audit/Audit')).Audit) },
]
