import type { Client, Page } from './client'
import { Problem } from './problem'
import type { StreamName } from './streams'

/** The signed address by which one viewer opens one stream. `renew`: go on with what it opened. */
export type Authorize = (renew: boolean) => Promise<string>

interface SignedAddress {
  readonly camera: string
  readonly stream: StreamName
  readonly address: string
}

interface Answer extends Pick<Page<SignedAddress>, 'items'> {
  readonly ice_servers?: readonly Relay[]
}

/** STUN has neither name nor password. */
export interface Relay {
  readonly urls: readonly string[]
  readonly username: string | null
  readonly credential: string | null
}

export function serverOf({ urls, username, credential }: Relay): RTCIceServer {
  return { urls: [...urls], ...(username === null || credential === null ? {} : { username, credential }) }
}

interface Wish {
  readonly camera: string
  readonly stream: StreamName
  readonly renew: boolean
  readonly kind: AddressKind
  resolve(address: string): void
  reject(error: unknown): void
}

/** The server signs no more at once. */
const MOST_AT_ONCE = 128

/** By which way a stream is to be opened. */
const ADDRESS_KINDS = ['webrtc', 'socket', 'hls'] as const
export type AddressKind = (typeof ADDRESS_KINDS)[number]

export interface Addresses {
  /** STUN and TURN servers, as the last answer named them. */
  iceServers(): readonly RTCIceServer[]
  of(camera: string, stream: StreamName, kind?: AddressKind): Authorize
}

/**
 * Asks for addresses. Tiles that open, or are renewed, in the same moment share
 * one request. Each address opens one session, so none is kept.
 */
export function makeAddresses(client: Client): Addresses {
  let waiting: Wish[] = []
  let relays: readonly RTCIceServer[] = []

  function collect(wish: Wish): void {
    waiting.push(wish)
    // After all that this turn of the loop still makes.
    if (waiting.length === 1) setTimeout(flush)
  }

  function flush(): void {
    const all = waiting
    waiting = []
    for (const kind of ADDRESS_KINDS) {
      for (const renew of [false, true]) {
        const alike = all.filter((wish) => wish.renew === renew && wish.kind === kind)
        for (let at = 0; at < alike.length; at += MOST_AT_ONCE) void sign(alike.slice(at, at + MOST_AT_ONCE), kind, renew)
      }
    }
  }

  async function sign(wishes: readonly Wish[], kind: AddressKind, renew: boolean): Promise<void> {
    try {
      const streams = wishes.map(({ camera, stream }) => ({ camera, stream }))
      const body = { streams, kind, renew }
      const { items, ice_servers = [] }: Answer = await client.change('/streams/addresses', {
        method: 'POST',
        body,
      })
      if (kind === 'webrtc' && !renew) relays = ice_servers.map(serverOf)
      wishes.forEach((wish, at) => {
        wish.resolve(items[at]?.address ?? '')
      })
    } catch (error) {
      // All or none are signed: one that is refused must not take the others with it.
      const alone = wishes.length > 1 && error instanceof Problem && (error.status === 403 || error.status === 404)
      for (const wish of wishes) {
        if (alone) void sign([wish], kind, renew)
        else wish.reject(error)
      }
    }
  }

  return {
    iceServers: () => relays,
    of: (camera, stream, kind = 'webrtc') => (renew) =>
      new Promise((resolve, reject) => {
        collect({ camera, stream, renew, kind, resolve, reject })
      }),
  }
}
