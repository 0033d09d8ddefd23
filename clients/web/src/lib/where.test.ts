import { describe, expect, it } from 'vitest'
import { isOwnPath, matchPath } from './where'

describe('isOwnPath', () => {
  it.each(['/users', '/', '/users?text=a'])('goes to %s', (path) => {
    expect(isOwnPath(path)).toBe(true)
  })

  it.each([null, '', 'users', '//evil.example', '/\\evil.example', 'https://evil.example', '/sign-in?to=/'])(
    'does not go to %s',
    (path) => {
      expect(isOwnPath(path)).toBe(false)
    },
  )
})

describe('matchPath', () => {
  it.each([
    ['/', '/', {}],
    ['/users', '/users/', {}],
    ['/users/:id', '/users/u%201', { id: 'u 1' }],
    ['/users/:id', '/users/100%', { id: '100%' }],
    ['/users/:id', '/users', undefined],
    ['/users/:id', '/users/', undefined],
    ['/users', '/roles', undefined],
    ['/', '/users', undefined],
  ])('%s takes %s as %j', (pattern, path, found) => {
    expect(matchPath(pattern, path)).toEqual(found)
  })
})
