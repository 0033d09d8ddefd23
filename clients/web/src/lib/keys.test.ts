import { describe, expect, it } from 'vitest'
import { actionOf } from './keys'

const plain = { ctrlKey: false, altKey: false, metaKey: false }

describe('actionOf', () => {
  it.each([
    ['ArrowLeft', { kind: 'move', direction: 'left' }],
    ['End', { kind: 'move', direction: 'last' }],
    ['Enter', { kind: 'enlarge' }],
    ['Escape', { kind: 'back' }],
    ['i', { kind: 'details' }],
    ['I', { kind: 'details' }],
    ['?', { kind: 'help' }],
    ['m', { kind: 'sound' }],
    ['l', { kind: 'language' }],
    ['f', { kind: 'fullscreen' }],
    ['x', undefined],
  ])('%s', (key, action) => {
    expect(actionOf({ key, ...plain })).toEqual(action)
  })

  it("leaves the browser's own chords alone", () => {
    expect(actionOf({ key: 'l', ...plain, ctrlKey: true })).toBeUndefined()
    expect(actionOf({ key: 'ArrowLeft', ...plain, altKey: true })).toBeUndefined()
    expect(actionOf({ key: 'm', ...plain, metaKey: true })).toBeUndefined()
  })
})
