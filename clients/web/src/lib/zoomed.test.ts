import { describe, expect, it } from 'vitest'
import { LARGEST, movePicture, transformOf, WHOLE, zoomPicture } from './zoomed'

describe('a picture', () => {
  it('grows around what the pointer is at', () => {
    const once = zoomPicture(WHOLE, 2, 0.75, 0.25)
    expect(once).toEqual({ scale: 2, x: 0.375, y: 0.125 })
    // What was under the pointer is still there.
    const twice = zoomPicture(once, 2, 0.75, 0.25)
    expect(twice.x + 0.75 / twice.scale).toBeCloseTo(0.75)
    expect(twice.y + 0.25 / twice.scale).toBeCloseTo(0.25)
  })

  it('is never smaller than its place, nor larger than it helps', () => {
    expect(zoomPicture(zoomPicture(WHOLE, 3), 0.1)).toEqual(WHOLE)
    expect(zoomPicture(WHOLE, 1000).scale).toBe(LARGEST)
  })

  it('is moved by hand, and not beyond its edges', () => {
    const large = zoomPicture(WHOLE, 2)
    expect(movePicture(large, 0.1, -0.1)).toEqual({ scale: 2, x: 0.2, y: 0.3 })
    expect(movePicture(large, 9, -9)).toEqual({ scale: 2, x: 0, y: 0.5 })
    expect(movePicture(WHOLE, 0.5, 0.5)).toEqual(WHOLE)
  })

  it('is drawn so', () => {
    expect(transformOf(WHOLE)).toBeUndefined()
    expect(transformOf({ scale: 2, x: 0.25, y: 0.5 })).toBe('scale(2) translate(-25%, -50%)')
  })
})
