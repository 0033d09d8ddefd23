import { describe, expect, it } from 'vitest'
import { fitGrid, moveFocus, type Direction } from './grid'

describe('fitGrid', () => {
  const cases: [count: number, width: number, height: number, columns: number, rows: number][] = [
    [1, 1600, 900, 1, 1],
    [2, 1600, 900, 1, 2],
    [2, 2000, 600, 2, 1],
    [4, 1600, 900, 2, 2],
    [5, 1600, 900, 2, 3],
    [9, 1600, 900, 3, 3],
    [16, 1600, 900, 4, 4],
    [16, 900, 1600, 2, 8],
    [17, 1920, 1080, 4, 5],
    [0, 1600, 900, 1, 1],
  ]
  it.each(cases)('%i tiles in %i x %i are %i x %i', (count, width, height, columns, rows) => {
    const grid = fitGrid(count, width, height)
    expect([grid.columns, grid.rows]).toEqual([columns, rows])
  })

  it('never overflows the area, gaps included', () => {
    for (let count = 1; count <= 64; count += 1) {
      const grid = fitGrid(count, 1357, 761, 6)
      expect(grid.columns * grid.rows).toBeGreaterThanOrEqual(count)
      expect(grid.columns * grid.width + 6 * (grid.columns - 1)).toBeLessThanOrEqual(1357)
      expect(grid.rows * grid.height + 6 * (grid.rows - 1)).toBeLessThanOrEqual(761)
    }
  })

  it('gives tiles of no size where there is no room', () => {
    expect(fitGrid(4, 0, 0, 6)).toMatchObject({ width: 0, height: 0 })
    expect(fitGrid(4, 0, 0, 6, 130)).toMatchObject({ width: 0, height: 0, scrolls: false })
  })

  const narrow: [count: number, width: number, height: number, columns: number, rows: number, scrolls: boolean][] = [
    // 64 cameras on a monitor, on a telephone, and on one that lies on its side.
    [64, 1424, 790, 8, 8, false],
    [64, 344, 700, 2, 32, true],
    [64, 784, 290, 5, 13, true],
    // Few tiles that still fit, and a row that is too low for any.
    [2, 344, 700, 1, 2, false],
    [3, 784, 40, 3, 1, true],
    [1, 100, 700, 1, 1, false],
  ]
  it.each(narrow)('%i tiles of a least width in %i x %i', (count, width, height, columns, rows, scrolls) => {
    const grid = fitGrid(count, width, height, 6, 130)
    expect([grid.columns, grid.rows, grid.scrolls]).toEqual([columns, rows, scrolls])
    expect(grid.width).toBeGreaterThanOrEqual(Math.min(130, width))
    expect(grid.columns * grid.width + 6 * (grid.columns - 1)).toBeLessThanOrEqual(width)
  })
})

describe('moveFocus', () => {
  // Seven tiles in three columns: 0 1 2 / 3 4 5 / 6
  const cases: [from: number, direction: Direction, to: number][] = [
    [0, 'right', 1],
    [6, 'right', 6],
    [0, 'left', 0],
    [3, 'left', 2],
    [1, 'down', 4],
    [3, 'down', 6],
    [5, 'down', 6],
    [6, 'down', 6],
    [4, 'up', 1],
    [1, 'up', 1],
    [4, 'first', 0],
    [1, 'last', 6],
  ]
  it.each(cases)('from %i %s to %i', (from, direction, to) => {
    expect(moveFocus(from, direction, 7, 3)).toBe(to)
  })
})
