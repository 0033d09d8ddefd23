/** How pictures come to the page, the best first: docs/operations/browsers.md tells of each. */
export const WAYS = ['webrtc', 'socket', 'mse', 'hls'] as const
export type Way = (typeof WAYS)[number]

/** Which ways the browser has at all. */
export type Can = Readonly<Record<Way, boolean>>

export interface Choice {
  readonly can: Can
  /** The network lets no WebRTC through. */
  readonly blocked: boolean
  /** Ways that cannot play this stream. */
  readonly unable: ReadonlySet<Way>
  /** What the page's address asks for. */
  readonly forced: Way | undefined
}

/** The way to take next; undefined where all were tried. */
export function chooseWay({ can, blocked, unable, forced }: Choice): Way | undefined {
  if (forced !== undefined) return unable.has(forced) ? undefined : forced
  const free = WAYS.filter((way) => can[way] && !unable.has(way))
  const open = free.find((way) => way !== 'webrtc' || !blocked)
  if (open !== undefined) return open
  // With no other way WebRTC is tried all the same: then it is the server who says why not.
  return free[0] ?? (unable.size === 0 ? 'webrtc' : undefined)
}

/** `?way=` on the page's address chooses one, to look for the cause of a fault. */
export function forcedWay(search: string): Way | undefined {
  const asked = new URLSearchParams(search).get('way')
  return WAYS.find((way) => way === asked)
}
