import { describe, expect, it } from 'vitest'
import { somebody } from '../ui/testing'
import { mayWith } from './rights'

describe('what one may do with a camera', () => {
  const camera = { id: 'gate', city: 'sp', groups: ['north'] }
  it.each([
    ['platform', true],
    ['city:sp', true],
    ['city:rj', false],
    ['group:sp/north', true],
    ['group:sp/south', false],
    ['camera:sp/gate', true],
    ['camera:rj/gate', false],
  ])('by a role for %s: %s', (scope, wanted) => {
    const me = somebody({ allowed: [{ scope, functions: ['clip.export'] }] })
    expect(mayWith(me, 'clip.export', camera)).toBe(wanted)
    expect(mayWith(me, 'recording.hold', camera)).toBe(false)
  })

  it('is nothing for nobody', () => {
    expect(mayWith(undefined, 'clip.export', camera)).toBe(false)
  })
})
