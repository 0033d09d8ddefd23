import { Problem, problemOf } from '../api/problem'
import { SECOND } from '../lib/zone'

/** Groups of pictures as the server answers them. */
export interface Group {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly from: number
  readonly to: number
  /** Where the next group and the one before begin, over gaps; undefined where there is none. */
  readonly next: number | undefined
  readonly previous: number | undefined
  /** Which init segment it wants. */
  readonly init: string
  /** Why there is nothing between this group and the next. */
  readonly gap: string | undefined
}

export interface GroupsOptions {
  readonly camera: string
  readonly stream: 'main' | 'sub'
  /** The signed address, good for a while; undefined where none is asked for. */
  readonly token?: PlaybackToken | undefined
  readonly send?: typeof fetch
}

/** What an answer says of itself, without its video. */
export type GroupHead = Pick<Group, 'from' | 'to' | 'next' | 'previous'>

export interface Groups {
  init(at: number, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>>
  /** Rejects with a Problem; `keys`: key frames alone, of so many groups. */
  get(at: number, keys: number | undefined, signal: AbortSignal): Promise<Group>
  /** The same by its key frame alone: asked where something is known to be, to learn whether more came after it. */
  look(at: number, signal: AbortSignal): Promise<GroupHead>
}

/** Gives the address that is in force; `fresh`: the last one was refused. */
export type PlaybackToken = (fresh: boolean) => Promise<string>

/** Refusals that another address may be the answer to. */
const OLD = new Set(['address_expired', 'address_invalid', 'address_missing', 'address_used'])

export function makeGroups({ camera, stream, token, send = (input, init) => fetch(input, init) }: GroupsOptions): Groups {
  const root = `/playback/${encodeURIComponent(camera)}${stream === 'sub' ? '/sub' : ''}`

  async function ask(path: string, signal: AbortSignal, fresh = false): Promise<Response> {
    const headers: Record<string, string> = token === undefined ? {} : { Authorization: `Bearer ${await token(fresh)}` }
    const answer = await send(root + path, { headers, signal }).catch((error: unknown) => {
      if (signal.aborted) throw error
      throw new Problem(0, { code: 'server_unreachable', values: {} })
    })
    if (answer.ok) return answer
    const problem = await problemOf(answer)
    const old = answer.status === 401 || OLD.has(problem.reason.code)
    if (old && token !== undefined && !fresh) return ask(path, signal, true)
    throw problem
  }

  return {
    async init(at, signal) {
      return new Uint8Array(await (await ask(`/init.mp4?at=${at}`, signal)).arrayBuffer())
    },
    get,
    async look(at, signal) {
      const { from, to, next, previous } = await get(at, 1, signal)
      return { from, to, next, previous }
    },
  }

  async function get(at: number, keys: number | undefined, signal: AbortSignal): Promise<Group> {
    const answer = await ask(`/${at}.m4s${keys === undefined ? '' : `?keys=${keys}`}`, signal)
    const bytes = new Uint8Array(await answer.arrayBuffer())
    const number = (name: string) => {
      const text = answer.headers.get(name)
      return text === null || text === '' ? undefined : Number(text)
    }
    const from = number('Vms-From')
    const to = number('Vms-To')
    if (from === undefined || to === undefined) throw new Problem(answer.status, { code: 'playback_headers', values: {} })
    return {
      bytes,
      from,
      to,
      next: number('Vms-Next'),
      previous: number('Vms-Previous'),
      init: answer.headers.get('Vms-Init') ?? '',
      gap: answer.headers.get('Vms-Gap') ?? undefined,
    }
  }
}

/** What an address is asked for by, and until when it opens. */
export interface SignedUntil {
  readonly address: string
  readonly expires_us: number
}

/** Asked for anew so long before it runs out. */
const AHEAD_MS = 60_000
/** Between askings where the clocks of page and server differ. */
const LEAST_MS = 10_000

/** Keeps one address and renews it before it runs out. Many who ask at once share one request. */
export function makeToken(sign: () => Promise<SignedUntil>, now: () => number = Date.now): PlaybackToken {
  let held: { readonly address: string; readonly until: number } | undefined
  let asking: Promise<string> | undefined

  async function renew(): Promise<string> {
    const asked = now()
    const { address, expires_us } = await sign()
    held = { address, until: Math.max(expires_us / (SECOND / 1000) - AHEAD_MS, asked + LEAST_MS) }
    return address
  }

  return (fresh) => {
    if (!fresh && held !== undefined && now() < held.until) return Promise.resolve(held.address)
    asking ??= renew().finally(() => {
      asking = undefined
    })
    return asking
  }
}
