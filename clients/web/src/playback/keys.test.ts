import { describe, expect, it } from 'vitest'
import { actOf, KEY_ROWS } from './keys'
import { pictureName } from '../ui/savePicture'

const press = (key: string, held: Partial<Record<'shiftKey' | 'ctrlKey' | 'altKey' | 'metaKey', boolean>> = {}) =>
  actOf({ key, shiftKey: false, ctrlKey: false, altKey: false, metaKey: false, ...held })

describe('a key', () => {
  it.each([
    [' ', {}, { kind: 'toggle' }],
    ['K', {}, { kind: 'toggle' }],
    ['j', {}, { kind: 'shuttle_back' }],
    [',', {}, { kind: 'step', forward: false }],
    ['ArrowLeft', {}, { kind: 'skip', seconds: -10 }],
    ['ArrowRight', { shiftKey: true }, { kind: 'skip', seconds: 60 }],
    ['G', { shiftKey: true }, { kind: 'go', goal: 'gap', forward: false }],
    ['b', {}, { kind: 'go', goal: 'bookmark', forward: true }],
    // Needs the shift key to be written on many keyboards.
    ['?', { shiftKey: true }, { kind: 'help' }],
    ['+', { shiftKey: true }, { kind: 'zoom', larger: true }],
    ['3', {}, { kind: 'layout', layout: 9 }],
  ] as const)('%s %o', (key, held, act) => {
    expect(press(key, held)).toEqual(act)
  })

  it('is left to the browser with Ctrl, Alt or Meta, and where it means nothing', () => {
    for (const held of ['ctrlKey', 'altKey', 'metaKey'] as const) expect(press('k', { [held]: true })).toBeUndefined()
    expect(press('q')).toBeUndefined()
    expect(press('ArrowUp', { shiftKey: true })).toBeUndefined()
  })

  it('means one thing alone', () => {
    const all = KEY_ROWS.flatMap((row) => Object.keys(row.acts))
    expect(new Set(all).size).toBe(all.length)
  })
})

describe('the name of a snapshot', () => {
  it.each([
    ['Portão nº 2 / rua', 'Portao_no_2_rua_2026-11-20T12-00-00-123Z.jpg'],
    ['***', 'camera_2026-11-20T12-00-00-123Z.jpg'],
  ])('of %s', (camera, name) => {
    expect(pictureName(camera, Date.parse('2026-11-20T12:00:00.123Z') * 1000)).toBe(name)
  })
})
