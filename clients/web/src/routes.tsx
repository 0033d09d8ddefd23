import { lazy, type Component } from 'solid-js'
import { Wall } from './wall/Wall'

export interface Route {
  readonly pattern: string
  readonly screen: Component<Readonly<Record<string, string>>>
  /** For who is not signed in. */
  readonly door?: boolean
}

export const SIGN_IN = '/sign-in'
export const ENROL = '/account/second-factor'

/** All screens. The wall comes with the page; each other one is fetched when it is first shown. */
export const ROUTES: readonly Route[] = [
  { pattern: '/', screen: () => <Wall /> },
  { pattern: SIGN_IN, screen: lazy(async () => ({ default: (await import('./signin/SignIn')).SignIn })), door: true },
  { pattern: '/setup', screen: lazy(async () => ({ default: (await import('./setup/Setup')).Setup })), door: true },
  {
    pattern: '/invitation',
    screen: lazy(async () => ({ default: (await import('./setup/Invitation')).Invitation })),
    door: true,
  },
  {
    pattern: ENROL,
    screen: lazy(async () => ({ default: (await import('./account/SecondFactorScreen')).SecondFactorScreen })),
  },
]
