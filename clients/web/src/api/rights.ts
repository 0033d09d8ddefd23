import type { Me } from './session'

/** Whether somebody may do something anywhere at all: what decides about links and buttons. The server decides. */
export function may(me: Me | undefined, ...functions: readonly string[]): boolean {
  return me?.allowed.some((held) => held.functions.some((name) => functions.includes(name))) ?? false
}

/** Whether he may do it in the whole of a city, or on the platform where none is named. */
export function mayIn(me: Me | undefined, name: string, city: string): boolean {
  const scopes = city === '' ? ['platform'] : ['platform', `city:${city}`]
  return me?.allowed.some((held) => scopes.includes(held.scope) && held.functions.includes(name)) ?? false
}

/** A camera as what may be done with it depends on it. */
export interface Placed {
  readonly id: string
  readonly city: string
  readonly groups: readonly string[]
}

/** Whether he may do it with this camera. */
export function mayWith(me: Me | undefined, name: string, { id, city, groups }: Placed): boolean {
  const scopes = new Set(['platform', `city:${city}`, `camera:${city}/${id}`, ...groups.map((group) => `group:${city}/${group}`)])
  return me?.allowed.some((held) => scopes.has(held.scope) && held.functions.includes(name)) ?? false
}

/** The functions somebody holds somewhere. */
export function functionsOf(me: Me | undefined): ReadonlySet<string> {
  return new Set(me?.allowed.flatMap((held) => held.functions) ?? [])
}

/** Every function there is, in the order in which people think of them. */
export const FUNCTION_GROUPS = [
  ['live.view', 'audio.listen', 'audio.talk', 'playback.view', 'clip.export', 'recording.hold', 'ptz.control'],
  ['camera.read', 'camera.manage', 'group.manage'],
  ['user.read', 'user.manage', 'role.manage', 'key.manage'],
  ['audit.read', 'event.read'],
  ['city.read', 'city.manage', 'plan.manage', 'system.read', 'system.manage'],
] as const

export type FunctionName = (typeof FUNCTION_GROUPS)[number][number]
