export interface Grid {
  readonly columns: number
  readonly rows: number
  /** Size of one tile in CSS pixels. */
  readonly width: number
  readonly height: number
  /** Between tiles, in CSS pixels. */
  readonly gap: number
  /** Higher than the area: it has to be scrolled. */
  readonly scrolls: boolean
}

const RATIO = 16 / 9

/**
 * The grid in which `count` tiles of 16:9 are as large as the area allows.
 * Of grids with equal tiles the one with fewer empty places wins. Where tiles
 * would be narrower than `least`, they fill the width and go on below.
 */
export function fitGrid(count: number, areaWidth: number, areaHeight: number, gap = 0, least = 0): Grid {
  const tiles = Math.max(1, count)
  const whole = fitWhole(tiles, areaWidth, areaHeight, gap)
  // An area of no size is one that is not laid out yet.
  if (whole.width >= least || areaWidth <= 0 || areaHeight <= 0) return whole
  const room = Math.max(1, Math.floor((areaWidth + gap) / (least + gap)))
  const columns = Math.min(room, tiles)
  const rows = Math.ceil(tiles / columns)
  const width = Math.floor((areaWidth - gap * (room - 1)) / room)
  const height = Math.floor(width / RATIO)
  return { columns, rows, width, height, gap, scrolls: rows * (height + gap) - gap > areaHeight }
}

function fitWhole(tiles: number, areaWidth: number, areaHeight: number, gap: number): Grid {
  let best: Grid | undefined
  for (let columns = 1; columns <= tiles; columns += 1) {
    const rows = Math.ceil(tiles / columns)
    const width = tileWidth(columns, rows, areaWidth, areaHeight, gap)
    const emptier = best !== undefined && columns * rows >= best.columns * best.rows
    if (best === undefined || width > best.width || (width === best.width && !emptier)) {
      best = { columns, rows, width, height: Math.floor(width / RATIO), gap, scrolls: false }
    }
  }
  return best ?? { columns: 1, rows: 1, width: 0, height: 0, gap, scrolls: false }
}

function tileWidth(columns: number, rows: number, areaWidth: number, areaHeight: number, gap: number): number {
  const byWidth = (areaWidth - gap * (columns - 1)) / columns
  const byHeight = ((areaHeight - gap * (rows - 1)) / rows) * RATIO
  return Math.max(0, Math.floor(Math.min(byWidth, byHeight)))
}

export type Direction = 'left' | 'right' | 'up' | 'down' | 'first' | 'last'

/** The tile that takes the focus when a direction key is pressed on tile `index`. */
export function moveFocus(index: number, direction: Direction, count: number, columns: number): number {
  const target = {
    left: index - 1,
    right: index + 1,
    up: index - columns,
    down: belowOf(index, count, columns),
    first: 0,
    last: count - 1,
  }[direction]
  return target < 0 || target >= count ? index : target
}

/** A row that is cut short is still reached from above its empty places. */
function belowOf(index: number, count: number, columns: number): number {
  const below = index + columns
  const lastRow = Math.floor((count - 1) / columns)
  return below >= count && Math.floor(index / columns) < lastRow ? count - 1 : below
}
