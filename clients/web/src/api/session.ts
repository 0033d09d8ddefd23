import { addressOf, csrfToken, makeClient, type Client } from './client'
import { Problem, problemOf } from './problem'
import type { Fetch } from './streams'
import { readVersion } from './version'

export interface User {
  readonly id: string
  /** The city one belongs to; empty for the platform's people. */
  readonly home: string
  readonly login: string
  readonly name: string
  readonly email: string
  readonly language: string
  readonly enabled: boolean
  readonly second_factor: boolean
  readonly created_us: number
  readonly signed_in_us: number | null
  readonly version: number
}

export interface Allowed {
  readonly scope: string
  readonly functions: readonly string[]
}

/** Who is signed in, and what he may do. */
export interface Me {
  readonly kind: string
  readonly id: string
  readonly home: string
  readonly user: User | null
  readonly must_enrol: boolean
  readonly allowed: readonly Allowed[]
}

export type SessionState =
  | { readonly kind: 'starting' }
  /** The server asks nobody for a name. */
  | { readonly kind: 'open' }
  | { readonly kind: 'out' }
  | { readonly kind: 'in'; readonly me: Me }

interface SignedIn {
  readonly state: 'signed_in'
  readonly access_expires_us: number
}

/** The password was right; the code is asked for. */
export interface SecondFactorAsked {
  readonly state: 'second_factor'
  readonly ticket: string
}

export interface Session {
  readonly client: Client
  /** Asks who is signed in; the first answer ends `starting`. */
  start(): Promise<void>
  /** The ticket for the second step, or nothing when one is in. */
  signIn(login: string, password: string, city: string): Promise<string | undefined>
  secondFactor(ticket: string, code: string): Promise<void>
  /** Signs in by the token of a link that is good for one use. */
  enter(token: string): Promise<void>
  signOut(): Promise<void>
  /** Reads anew who one is, after a change of one's own. */
  reload(): Promise<void>
  close(): void
}

export interface SessionOptions {
  readonly onState: (state: SessionState) => void
  readonly send?: Fetch
  readonly now?: () => number
  readonly csrf?: () => string | undefined
  readonly store?: Pick<Storage, 'getItem' | 'setItem'>
  /** Runs one at a time over all tabs, where the browser can. */
  readonly alone?: (work: () => Promise<boolean>) => Promise<boolean>
}

/** Until when the access cookie is good, in milliseconds; the tabs share it. */
const EXPIRES = 'vms.session.expires'
/** When it was renewed last. */
const RENEWED = 'vms.session.renewed'
/** Renewed so long before it runs out. */
const AHEAD = 60_000
const AGAIN = 15_000
const LONGEST_TIMER = 2 ** 31 - 1

/** Who is signed in at this browser. Tokens are in cookies that no script can read. */
export function makeSession(options: SessionOptions): Session {
  const send: Fetch = options.send ?? ((input, init) => fetch(input, init))
  const now = options.now ?? Date.now
  const csrf = options.csrf ?? (() => csrfToken())
  const store = options.store ?? memory()
  const alone = options.alone ?? aloneAmongTabs
  let timer: ReturnType<typeof setTimeout> | undefined
  let renewing: Promise<boolean> | undefined
  let closed = false
  const client = makeClient({ send, renew, csrf, now })

  function set(state: SessionState): void {
    if (!closed) options.onState(state)
  }

  function numberIn(key: string): number {
    return Number(store.getItem(key) ?? 0)
  }

  function renew(since: number): Promise<boolean> {
    renewing ??= alone(() => renewOnce(since)).finally(() => {
      renewing = undefined
    })
    return renewing
  }

  async function renewOnce(since: number): Promise<boolean> {
    // Another tab was first: its cookies are ours.
    if (numberIn(RENEWED) > since) return true
    if (csrf() === undefined) {
      ended()
      return false
    }
    const answer = await post('/auth/refresh', {})
    if (answer.ok) {
      keep((await answer.json()) as SignedIn)
      return true
    }
    const problem = await problemOf(answer)
    // Two asked at the same moment, and the other one's answer counts.
    if (problem.reason.code === 'refresh_superseded') return true
    if (problem.status === 401 || problem.status === 403) ended()
    return false
  }

  function ended(): void {
    clearTimeout(timer)
    set({ kind: 'out' })
  }

  function keep(signed: SignedIn): void {
    store.setItem(RENEWED, String(now()))
    store.setItem(EXPIRES, String(signed.access_expires_us / 1000))
    plan()
  }

  function plan(): void {
    clearTimeout(timer)
    if (closed) return
    const wait = Math.min(Math.max(numberIn(EXPIRES) - AHEAD - now(), AGAIN), LONGEST_TIMER)
    timer = setTimeout(() => void ahead(), wait)
  }

  async function ahead(): Promise<void> {
    const began = now()
    // Another tab may have been first.
    if (numberIn(EXPIRES) - AHEAD > began) {
      plan()
      return
    }
    try {
      if (await renew(began)) plan()
    } catch {
      // No answer: asked again, for the session itself may well go on.
      plan()
    }
  }

  function post(path: string, body: unknown): Promise<Response> {
    const token = csrf()
    return send(addressOf(path), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...(token === undefined ? {} : { 'X-CSRF-Token': token }) },
      body: JSON.stringify(body),
    })
  }

  async function reload(): Promise<void> {
    set({ kind: 'in', me: await client.get<Me>('/auth/me') })
  }

  async function start(): Promise<void> {
    const known = csrf() === undefined ? undefined : client.get<Me>('/auth/me')
    // Told apart below; here it only must not count as unhandled.
    known?.catch(() => undefined)
    if ((await readVersion(send)).open) {
      set({ kind: 'open' })
      return
    }
    try {
      const me = await known
      set(me === undefined ? { kind: 'out' } : { kind: 'in', me })
      if (me !== undefined) plan()
    } catch (error) {
      if (!(error instanceof Problem) || (error.status !== 401 && error.status !== 403)) throw error
      set({ kind: 'out' })
    }
  }

  return {
    client,
    start,
    reload,
    async signIn(login, password, city) {
      const body = { login, password, city, cookies: true }
      const answer = await client.change<SignedIn | SecondFactorAsked>('/auth/sign-in', { method: 'POST', body })
      if (answer.state === 'second_factor') return answer.ticket
      keep(answer)
      await reload()
      return undefined
    },
    async secondFactor(ticket, code) {
      const body = { ticket, code, cookies: true }
      keep(await client.change<SignedIn>('/auth/second-factor', { method: 'POST', body }))
      await reload()
    },
    async enter(token) {
      const body = { refresh: token, cookies: true }
      keep(await client.change<SignedIn>('/auth/refresh', { method: 'POST', body }))
      await reload()
    },
    async signOut() {
      await client.change('/auth/sign-out', { method: 'POST' })
      ended()
    },
    close() {
      closed = true
      clearTimeout(timer)
    },
  }
}

/** One tab at a time. Without locks (a page over plain HTTP) the server tells who came second. */
function aloneAmongTabs(work: () => Promise<boolean>): Promise<boolean> {
  const locks = navigator.locks as LockManager | undefined | null
  return locks ? locks.request('vms.session.renew', work) : work()
}

/** What the tabs share, or this page alone where storage is forbidden. */
function memory(): Pick<Storage, 'getItem' | 'setItem'> {
  try {
    localStorage.getItem(EXPIRES)
    return localStorage
  } catch {
    const kept = new Map<string, string>()
    return { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value) }
  }
}
