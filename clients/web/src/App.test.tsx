import { cleanup, render } from '@solidjs/testing-library'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { App, detour } from './App'
import { makeClient } from './api/client'
import type { Session, SessionState } from './api/session'
import type { Route } from './routes'
import { useApp } from './ui/app'
import { fakeServer, somebody } from './ui/testing'

const ROUTES: readonly Route[] = [
  { pattern: '/', screen: () => <p>wall</p> },
  { pattern: '/sign-in', screen: () => <p>sign-in</p>, door: true },
  { pattern: '/account/second-factor', screen: () => <p>enrol</p> },
  {
    pattern: '/users/:id',
    screen: (props) => (
      <p>
        user {props.id} <a href="/users/next">next</a>
      </p>
    ),
  },
  { pattern: '/fragment', screen: () => <p>{useApp().router.takeFragment()}</p>, door: true },
]

let become: (state: SessionState) => void
let starts: number
let down: boolean

function open(address: string): HTMLElement {
  history.replaceState(null, '', address)
  return render(() => (
    <App
      routes={ROUTES}
      session={({ onState }) => {
        become = onState
        return {
          client: makeClient({ send: fakeServer().send, renew: () => Promise.resolve(false) }),
          start: () => {
            starts += 1
            return down ? Promise.reject(new Error('down')) : Promise.resolve()
          },
          close: () => undefined,
        } as unknown as Session
      }}
    />
  )).container
}

beforeEach(() => {
  vi.stubGlobal('scrollTo', () => undefined)
  starts = 0
  down = false
})

afterEach(() => {
  cleanup()
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

const here = () => location.pathname + location.search

describe('detour', () => {
  const inside: SessionState = { kind: 'in', me: somebody() }
  const enrolling: SessionState = { kind: 'in', me: somebody({ must_enrol: true }) }
  it.each([
    [{ kind: 'starting' }, '/users', false, undefined],
    [{ kind: 'open' }, '/', false, undefined],
    [{ kind: 'open' }, '/users', false, '/'],
    [{ kind: 'out' }, '/', false, '/sign-in'],
    [{ kind: 'out' }, '/users?a=b', false, '/sign-in?to=%2Fusers%3Fa%3Db'],
    [{ kind: 'out' }, '/setup', true, undefined],
    [inside, '/users', false, undefined],
    [inside, '/sign-in?to=%2Fusers', true, '/users'],
    [inside, '/sign-in?to=%2F%2Fevil.example', true, '/'],
    [inside, '/setup', true, '/'],
    [enrolling, '/users', false, '/account/second-factor'],
    [enrolling, '/account/second-factor', false, undefined],
  ] as [SessionState, string, boolean, string | undefined][])('%j at %s (door %s): %s', (state, at, door, to) => {
    expect(detour(state, at, door)).toBe(to)
  })
})

describe('the page', () => {
  it('shows nothing before it knows who is there', () => {
    expect(open('/').textContent).toBe('')
  })

  it('leads to the sign-in, and from there to where one wanted to go', () => {
    const page = open('/users/u1')
    become({ kind: 'out' })
    expect(page.textContent).toBe('sign-in')
    expect(here()).toBe('/sign-in?to=%2Fusers%2Fu1')
    become({ kind: 'in', me: somebody() })
    expect(page.textContent).toContain('user u1')
    expect(here()).toBe('/users/u1')
  })

  it('follows its own links without loading anew, and the way back', () => {
    const page = open('/users/u1')
    become({ kind: 'in', me: somebody() })
    page.querySelector('a')?.click()
    expect(page.textContent).toContain('user next')
    history.replaceState(null, '', '/users/u2')
    dispatchEvent(new PopStateEvent('popstate'))
    expect(page.textContent).toContain('user u2')
  })

  it('leaves other clicks to the browser', () => {
    const page = open('/users/u1')
    become({ kind: 'in', me: somebody() })
    const click = new MouseEvent('click', { bubbles: true, cancelable: true, ctrlKey: true })
    page.querySelector('a')?.dispatchEvent(click)
    expect(click.defaultPrevented).toBe(false)
    expect(page.textContent).toContain('user u1')
  })

  it('takes a secret out of the address at once', () => {
    const page = open('/fragment#secret')
    become({ kind: 'out' })
    expect(page.textContent).toBe('secret')
    expect(location.hash).toBe('')
  })

  it('says that there is no such screen', () => {
    const page = open('/nowhere/at/all')
    become({ kind: 'in', me: somebody() })
    expect(page.textContent).toContain('There is no such screen')
  })

  it('asks again while the server does not answer, and says so', async () => {
    vi.useFakeTimers()
    down = true
    const page = open('/')
    await vi.advanceTimersByTimeAsync(0)
    expect(page.textContent).toContain('does not answer')
    down = false
    await vi.advanceTimersByTimeAsync(5000)
    expect(starts).toBeGreaterThan(1)
    expect(page.textContent).toBe('')
  })
})
