import { cleanup } from '@solidjs/testing-library'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Problem } from '../api/problem'
import { show } from '../ui/testing'
import { Enter } from './Enter'

beforeEach(() => {
  vi.stubGlobal('scrollTo', () => undefined)
})

afterEach(() => {
  cleanup()
  vi.unstubAllGlobals()
})

const OUT = { kind: 'out' } as const

describe('a link for one use', () => {
  it('signs in by its token, which leaves the address at once', async () => {
    const { session } = show(() => <Enter />, { state: OUT, address: '/enter#token' })
    expect(location.hash).toBe('')
    await vi.waitFor(() => {
      expect(session.calls).toEqual(['enter token'])
    })
  })

  it('says why not, and leads to signing in by hand', async () => {
    const enter = () => Promise.reject(new Problem(401, { code: 'refresh_invalid', values: {} }))
    const { container } = show(() => <Enter />, { state: OUT, address: '/enter#used', session: { enter } })
    await vi.waitFor(() => {
      expect(container.querySelector('[role=alert]')).not.toBeNull()
    })
    expect(container.querySelector('a')?.getAttribute('href')).toBe('/sign-in')
  })

  it('needs a token', () => {
    const { container, session } = show(() => <Enter />, { state: OUT, address: '/enter' })
    expect(container.textContent).toContain('not complete')
    expect(session.calls).toEqual([])
  })
})
