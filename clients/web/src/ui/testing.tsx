import { render } from '@solidjs/testing-library'
import type { JSX } from 'solid-js'
import { makeClient } from '../api/client'
import type { Me, Session, SessionState } from '../api/session'
import type { Fetch } from '../api/streams'
import { jsonAnswer } from '../api/testing'
import { AppProvider, createApp, type App } from './app'

/** A request that the page made, as a test reads it. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly body: unknown
  readonly headers: Headers
}

export interface FakeServer {
  readonly asked: Asked[]
  /** Answers by `METHOD /path` without query, or by `METHOD /path?query`. A function may look at the request. */
  readonly answers: Record<string, unknown>
  readonly send: Fetch
  readonly last: (key: string) => Asked | undefined
}

/** A server of canned answers; what it has no answer for is refused with 404. */
export function fakeServer(answers: Record<string, unknown> = {}): FakeServer {
  const asked: Asked[] = []
  return {
    asked,
    answers,
    last: (key) => asked.findLast((one) => `${one.method} ${one.path.split('?', 1)[0] ?? ''}` === key),
    send(input, init = {}) {
      const method = init.method ?? 'GET'
      const path = input.replace('/api/v1', '')
      const sent = init.body
      const body: unknown = typeof sent === 'string' && /^[[{]/.test(sent) ? JSON.parse(sent) : sent
      const request = { method, path, body, headers: new Headers(init.headers) }
      asked.push(request)
      const found = answers[`${method} ${path}`] ?? answers[`${method} ${path.split('?', 1)[0] ?? ''}`]
      const answer: unknown = typeof found === 'function' ? (found as (request: Asked) => unknown)(request) : found
      if (answer instanceof Response) return Promise.resolve(answer)
      if (answer instanceof Error) return Promise.reject(answer)
      if (answer === undefined) return Promise.resolve(refusal(404, 'not_found'))
      if (answer === null) return Promise.resolve(new Response(null, { status: 204 }))
      return Promise.resolve(jsonAnswer(answer))
    },
  }
}

export function refusal(status: number, code: string, values: Record<string, unknown> = {}, detail = ''): Response {
  return jsonAnswer({ code, detail, values, status, title: '' }, { status })
}

export function page<T>(...items: readonly T[]): { items: readonly T[]; next: null } {
  return { items, next: null }
}

const EVERYTHING = [
  'live.view',
  'camera.read',
  'camera.manage',
  'group.manage',
  'user.read',
  'user.manage',
  'role.manage',
  'key.manage',
  'audit.read',
  'city.read',
  'city.manage',
  'plan.manage',
]

/** Somebody who is signed in; an admin of the platform where nothing else is said. */
export function somebody(change: Partial<Me> = {}): Me {
  const home = change.home ?? ''
  return {
    kind: 'user',
    id: 'u1',
    home,
    user: {
      id: 'u1',
      home,
      login: 'ana',
      name: 'Ana',
      email: '',
      language: '',
      enabled: true,
      second_factor: true,
      created_us: 1_700_000_000_000_000,
      signed_in_us: null,
      version: 3,
    },
    must_enrol: false,
    allowed: [{ scope: home === '' ? 'platform' : `city:${home}`, functions: EVERYTHING }],
    ...change,
  }
}

export interface Shown {
  readonly container: HTMLElement
  readonly app: App
  readonly session: FakeSession
}

export interface FakeSession extends Session {
  readonly become: (state: SessionState) => void
  readonly calls: string[]
}

export interface ShowOptions {
  readonly state?: SessionState
  readonly server?: FakeServer
  readonly address?: string
  readonly session?: Partial<Session>
}

/** Shows a part of the page with a session and a server of a test's own. */
export function show(part: () => JSX.Element, options: ShowOptions = {}): Shown {
  history.replaceState(null, '', options.address ?? '/')
  const server = options.server ?? fakeServer()
  const calls: string[] = []
  let session: FakeSession | undefined
  let app: App | undefined
  const note = (call: string) => {
    calls.push(call)
    return Promise.resolve()
  }
  const { container } = render(() => {
    app = createApp(({ onState }) => {
      session = {
        client: makeClient({ send: server.send, renew: () => Promise.resolve(false), csrf: () => 'proof' }),
        calls,
        start: () => note('start'),
        signIn: async (...given) => {
          await note(`signIn ${given.join(' ')}`)
          return undefined
        },
        secondFactor: (...given) => note(`secondFactor ${given.join(' ')}`),
        enter: (token) => note(`enter ${token}`),
        signOut: () => note('signOut'),
        reload: () => note('reload'),
        close: () => undefined,
        become: onState,
        ...options.session,
      }
      onState(options.state ?? { kind: 'in', me: somebody() })
      return session
    })
    return <AppProvider app={app}>{part()}</AppProvider>
  })
  if (session === undefined || app === undefined) throw new Error('nothing was shown')
  return { container, app, session }
}

/** Types into the input of this label. */
export function type(container: HTMLElement, label: string, value: string): void {
  const input = control(container, label)
  input.value = value
  input.dispatchEvent(new Event('input', { bubbles: true }))
  input.dispatchEvent(new Event('change', { bubbles: true }))
}

export function control(container: HTMLElement, label: string): HTMLInputElement {
  const found = [...container.querySelectorAll('label')].find((one) => one.textContent.trim() === label)
  if (found === undefined) throw new Error(`there is no label ${label}: ${container.textContent}`)
  const input = found.htmlFor === '' ? found.querySelector('input') : container.querySelector(`[id="${found.htmlFor}"]`)
  if (input === null) throw new Error(`the label ${label} has no input`)
  return input as HTMLInputElement
}

export function press(container: HTMLElement, text: string): void {
  const found = [...container.querySelectorAll<HTMLElement>('button, a')].find((one) => one.textContent.trim() === text)
  if (found === undefined) throw new Error(`there is no button ${text}: ${container.textContent}`)
  found.click()
}

export function submit(container: HTMLElement): void {
  container.querySelector('form')?.dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }))
}
