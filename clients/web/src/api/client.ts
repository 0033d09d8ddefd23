import { noAnswer, Problem, problemOf } from './problem'
import type { Fetch } from './streams'

/** A page of a list; `next` is the cursor of the one after. */
export interface Page<T> {
  readonly items: readonly T[]
  readonly next: string | null
}

export type Query = Readonly<Record<string, string | number | boolean | null | undefined>>

export interface Sent {
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Sent as JSON; a Blob or text with `media` as it is. */
  readonly body?: unknown
  readonly media?: string
  /** The version that was seen: another one in between is a conflict. */
  readonly version?: number
}

/** Calls of the API by somebody who is signed in. All reject with a Problem. */
export interface Client {
  /** Like fetch; a session that has run out is renewed first. */
  readonly send: Fetch
  get<T>(path: string, query?: Query): Promise<T>
  change<T>(path: string, sent: Sent): Promise<T>
  /** Every page of a list, up to `most` items. */
  all<T>(path: string, query?: Query, most?: number): Promise<readonly T[]>
}

export interface ClientOptions {
  readonly send: Fetch
  /** Makes the session new; false when it has ended. `since`: when the refused request began. */
  renew(since: number): Promise<boolean>
  readonly csrf?: () => string | undefined
  readonly now?: () => number
}

const PREFIX = '/api/v1'
const SAFE = new Set(['GET', 'HEAD'])

export function makeClient(options: ClientOptions): Client {
  const csrf = options.csrf ?? csrfToken
  const now = options.now ?? Date.now

  async function once(input: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers)
    const token = csrf()
    if (token !== undefined && !SAFE.has(init.method ?? 'GET')) headers.set('X-CSRF-Token', token)
    try {
      return await options.send(input, { ...init, headers })
    } catch {
      throw noAnswer()
    }
  }

  async function send(input: string, init: RequestInit = {}): Promise<Response> {
    const began = now()
    const answer = await once(input, init)
    if (answer.status !== 401) return answer
    const problem = await problemOf(answer.clone())
    // A wrong code or password is no matter of the session.
    if (!OF_SESSION.has(problem.reason.code)) return answer
    return (await options.renew(began)) ? once(input, init) : answer
  }

  async function call<T>(input: string, init?: RequestInit): Promise<T> {
    const answer = await send(input, init)
    if (!answer.ok) throw await problemOf(answer)
    if (answer.status === 204) return undefined as T
    return (await answer.json()) as T
  }

  function get<T>(path: string, query: Query = {}): Promise<T> {
    return call<T>(addressOf(path, query))
  }

  function change<T>(path: string, { method, body, media, version }: Sent): Promise<T> {
    const headers: Record<string, string> = {}
    if (body !== undefined) headers['Content-Type'] = media ?? 'application/json'
    if (version !== undefined) headers['If-Match'] = `"${version}"`
    const content = media === undefined ? JSON.stringify(body) : (body as BodyInit)
    return call<T>(addressOf(path), { method, headers, ...(body === undefined ? {} : { body: content }) })
  }

  async function all<T>(path: string, query: Query = {}, most = 2000): Promise<readonly T[]> {
    const items: T[] = []
    let cursor: string | null | undefined
    do {
      const page: Page<T> = await get(path, { limit: 200, ...query, cursor })
      items.push(...page.items)
      cursor = page.next
    } while (cursor !== null && items.length < most)
    return items
  }

  return { send, get, change, all }
}

/** What a 401 says when the session is the cause. */
const OF_SESSION = new Set(['not_signed_in', 'token_expired', 'token_invalid', 'session_ended', 'refused'])

/** A filter that is left empty is not asked for. */
export function given(query: Query): Query {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== ''))
}

export function addressOf(path: string, query: Query = {}): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null) parameters.set(name, String(value))
  }
  const text = parameters.toString()
  return `${PREFIX}${path}${text === '' ? '' : `?${text}`}`
}

/** The proof that a request comes from our page: no other site can read our cookies. */
export function csrfToken(cookies: string = document.cookie): string | undefined {
  const found = /(?:^|;\s*)vms_csrf=([^;]+)/.exec(cookies)
  return found?.[1]
}

/** Whether the thing was changed by somebody else meanwhile. */
export function isConflict(error: unknown): boolean {
  return error instanceof Problem && error.reason.code === 'version_conflict'
}
