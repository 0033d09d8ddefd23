import { cleanup } from '@solidjs/testing-library'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Problem } from '../api/problem'
import { fakeServer, refusal, show, submit, type } from '../ui/testing'
import { Invitation } from './Invitation'
import { Setup } from './Setup'

beforeEach(() => {
  vi.stubGlobal('scrollTo', () => undefined)
})

afterEach(() => {
  cleanup()
  vi.unstubAllGlobals()
})

const OUT = { kind: 'out' } as const

function fill(container: HTMLElement): void {
  type(container, 'Name', 'Ana')
  type(container, 'Login', 'ana')
  type(container, 'Password', 'seven green bicycles')
  type(container, 'Password once more', 'seven green bicycles')
}

describe('the first admin', () => {
  it('is made by the token of the link and is then signed in', async () => {
    const server = fakeServer({ 'POST /auth/setup': { id: 'u1' } })
    const { container, session } = show(() => <Setup />, { state: OUT, server, address: '/setup#token' })
    expect(location.hash).toBe('')
    fill(container)
    submit(container)
    await vi.waitFor(() => {
      expect(session.calls).toEqual(['signIn ana seven green bicycles '])
    })
    expect(server.last('POST /auth/setup')?.body).toMatchObject({ token: 'token', login: 'ana', name: 'Ana' })
  })

  it('needs the same password twice', () => {
    const { container } = show(() => <Setup />, { state: OUT, address: '/setup#token' })
    fill(container)
    type(container, 'Password once more', 'other')
    expect(container.textContent).toContain('The passwords differ')
    expect(container.querySelector<HTMLButtonElement>('button[type=submit]')?.disabled).toBe(true)
  })

  it('cannot be made without a token', () => {
    const { container } = show(() => <Setup />, { state: OUT, address: '/setup' })
    expect(container.textContent).toContain('not complete')
    expect(container.querySelector('form')).toBeNull()
  })

  it('is told why not', async () => {
    const server = fakeServer({ 'POST /auth/setup': refusal(404, 'invitation_unknown') })
    const { container } = show(() => <Setup />, { state: OUT, server, address: '/setup#old' })
    fill(container)
    submit(container)
    await vi.waitFor(() => {
      expect(container.querySelector('[role=alert]')?.textContent).toContain('The link is not valid')
    })
  })

  it('signs in by hand where signing in at once was refused', async () => {
    const server = fakeServer({ 'POST /auth/setup': { id: 'u1' } })
    const signIn = () => Promise.reject(new Problem(429, { code: 'sign_in_busy', values: {} }))
    const { container, app } = show(() => <Setup />, { state: OUT, server, address: '/setup#t', session: { signIn } })
    fill(container)
    submit(container)
    await vi.waitFor(() => {
      expect(app.router.path()).toBe('/sign-in')
    })
  })
})

describe('a link', () => {
  const offer = { home: 'sp', role: 'operador', login: null, expires_us: 1 }

  it('invites to a city', async () => {
    const server = fakeServer({
      'POST /auth/invitations/look': offer,
      'POST /auth/invitations/accept': { id: 'u2' },
    })
    const { container, session } = show(() => <Invitation />, { state: OUT, server, address: '/invitation#i1' })
    await vi.waitFor(() => {
      expect(container.textContent).toContain('invited as operador to sp')
    })
    fill(container)
    submit(container)
    await vi.waitFor(() => {
      expect(session.calls).toEqual(['signIn ana seven green bicycles sp'])
    })
  })

  it('sets a new password', async () => {
    const server = fakeServer({
      'POST /auth/invitations/look': { ...offer, login: 'ana' },
      'POST /auth/password-reset': null,
    })
    const { container, app } = show(() => <Invitation />, { state: OUT, server, address: '/invitation#r1' })
    await vi.waitFor(() => {
      type(container, 'New password', 'eight blue tricycles')
    })
    type(container, 'Password once more', 'eight blue tricycles')
    submit(container)
    await vi.waitFor(() => {
      expect(app.router.path()).toBe('/sign-in')
    })
    expect(server.last('POST /auth/password-reset')?.body).toEqual({ token: 'r1', password: 'eight blue tricycles' })
  })

  it('that counts no more says so', async () => {
    const server = fakeServer({ 'POST /auth/invitations/look': refusal(404, 'invitation_unknown') })
    const { container } = show(() => <Invitation />, { state: OUT, server, address: '/invitation#x' })
    await vi.waitFor(() => {
      expect(container.textContent).toContain('The link is not valid')
    })
    expect(container.querySelector('form')).toBeNull()
  })
})
