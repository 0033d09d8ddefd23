/**
 * QR codes (ISO/IEC 18004): bytes, error correction level M, versions 1 to 20,
 * which is up to 666 bytes. Enough for any address an authenticator app reads.
 */

/** For versions 1 to 20 at level M: codewords of correction in each block, and blocks. */
const CORRECTION = [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26]
const BLOCKS = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16]
const LEVEL_M = 0

export type Matrix = readonly (readonly boolean[])[]

/** The dark modules of a text's code, row by row, without the quiet zone. */
export function qrMatrix(text: string): Matrix {
  const bytes = new TextEncoder().encode(text)
  const version = versionFor(bytes.length)
  const words = interleaved(dataWords(bytes, version), version)
  const canvas = new Canvas(version)
  canvas.drawData(words)
  const masks = MASKS.map((_, mask) => canvas.masked(mask))
  const penalties = masks.map(penalty)
  return masks[penalties.indexOf(Math.min(...penalties))] ?? []
}

/** The same as the `d` of an SVG path, one unit a module, `quiet` units from the edge. */
export function qrPath(matrix: Matrix, quiet = 4): string {
  return matrix
    .flatMap((row, y) => row.map((dark, x) => (dark ? `M${x + quiet} ${y + quiet}h1v1h-1z` : '')))
    .join('')
}

function rawModules(version: number): number {
  let count = (16 * version + 128) * version + 64
  if (version >= 2) {
    const aligned = Math.floor(version / 7) + 2
    count -= (25 * aligned - 10) * aligned - 55
    if (version >= 7) count -= 36
  }
  return count
}

function capacity(version: number): number {
  const at = version - 1
  return Math.floor(rawModules(version) / 8) - (CORRECTION[at] ?? 0) * (BLOCKS[at] ?? 0)
}

/** Bits of the length's field. */
function lengthBits(version: number): number {
  return version < 10 ? 8 : 16
}

function versionFor(length: number): number {
  for (let version = 1; version <= CORRECTION.length; version += 1) {
    if (4 + lengthBits(version) + 8 * length <= 8 * capacity(version)) return version
  }
  throw new RangeError(`${length} bytes are too many for a QR code`)
}

function dataWords(bytes: Uint8Array, version: number): number[] {
  const bits: number[] = []
  const put = (value: number, count: number) => {
    for (let at = count - 1; at >= 0; at -= 1) bits.push((value >>> at) & 1)
  }
  put(0b0100, 4)
  put(bytes.length, lengthBits(version))
  for (const byte of bytes) put(byte, 8)
  const room = 8 * capacity(version)
  put(0, Math.min(4, room - bits.length))
  put(0, (8 - (bits.length % 8)) % 8)
  for (let pad = 0xec; bits.length < room; pad ^= 0xec ^ 0x11) put(pad, 8)
  const words: number[] = []
  for (let at = 0; at < bits.length; at += 8) words.push(bits.slice(at, at + 8).reduce((sum, bit) => sum * 2 + bit, 0))
  return words
}

/** Splits data into blocks, gives each its correction, and takes one word of each in turn. */
function interleaved(data: readonly number[], version: number): number[] {
  const blocks = BLOCKS[version - 1] ?? 1
  const correction = CORRECTION[version - 1] ?? 0
  const total = Math.floor(rawModules(version) / 8)
  const short = blocks - (total % blocks)
  const shortData = Math.floor(total / blocks) - correction
  const divisor = generator(correction)
  const parts: { data: readonly number[]; correction: readonly number[] }[] = []
  let at = 0
  for (let block = 0; block < blocks; block += 1) {
    const part = data.slice(at, at + shortData + (block < short ? 0 : 1))
    at += part.length
    parts.push({ data: part, correction: remainder(part, divisor) })
  }
  const words: number[] = []
  for (let index = 0; index <= shortData; index += 1) {
    for (const part of parts) if (index < part.data.length) words.push(part.data[index] ?? 0)
  }
  for (let index = 0; index < correction; index += 1) for (const part of parts) words.push(part.correction[index] ?? 0)
  return words
}

/** Product in GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1. */
function times(one: number, other: number): number {
  let product = 0
  for (let bit = 7; bit >= 0; bit -= 1) {
    product = (product << 1) ^ ((product >>> 7) * 0x11d)
    product ^= ((other >>> bit) & 1) * one
  }
  return product
}

/** The generator polynomial of Reed and Solomon, without its leading one. */
function generator(degree: number): number[] {
  const found = new Array<number>(degree).fill(0)
  found[degree - 1] = 1
  let root = 1
  for (let step = 0; step < degree; step += 1) {
    for (let at = 0; at < degree; at += 1) found[at] = times(found[at] ?? 0, root) ^ (found[at + 1] ?? 0)
    root = times(root, 2)
  }
  return found
}

function remainder(data: readonly number[], divisor: readonly number[]): number[] {
  const rest = divisor.map(() => 0)
  for (const word of data) {
    const factor = word ^ (rest.shift() ?? 0)
    rest.push(0)
    divisor.forEach((term, at) => (rest[at] = (rest[at] ?? 0) ^ times(term, factor)))
  }
  return rest
}

const MASKS: readonly ((x: number, y: number) => boolean)[] = [
  (x, y) => (x + y) % 2 === 0,
  (_, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
]

class Canvas {
  private readonly size: number
  private readonly dark: boolean[][]
  /** Modules that are no data. */
  private readonly fixed: boolean[][]

  constructor(private readonly version: number) {
    this.size = 4 * version + 17
    const empty = () => Array.from({ length: this.size }, () => new Array<boolean>(this.size).fill(false))
    this.dark = empty()
    this.fixed = empty()
    this.drawPatterns()
  }

  private set(x: number, y: number, dark: boolean): void {
    const row = this.dark[y]
    const fixed = this.fixed[y]
    if (row === undefined || fixed === undefined || x < 0 || x >= this.size) return
    row[x] = dark
    fixed[x] = true
  }

  private drawPatterns(): void {
    const { size } = this
    for (let at = 0; at < size; at += 1) {
      this.set(6, at, at % 2 === 0)
      this.set(at, 6, at % 2 === 0)
    }
    for (const [x, y] of [[3, 3], [size - 4, 3], [3, size - 4]] as const) {
      this.drawRings(x, y, 4, (ring) => ring !== 2 && ring !== 4)
    }
    const places = this.alignments()
    const last = places.length - 1
    places.forEach((x, i) => {
      places.forEach((y, j) => {
        const corner = (i === 0 && j === 0) || (i === 0 && j === last) || (i === last && j === 0)
        if (!corner) this.drawRings(x, y, 2, (ring) => ring !== 1)
      })
    })
    this.drawFormat(0)
    this.drawVersion()
  }

  /** Squares around a centre, each as `isDark` tells of its distance. */
  private drawRings(x: number, y: number, most: number, isDark: (ring: number) => boolean): void {
    for (let dy = -most; dy <= most; dy += 1) {
      for (let dx = -most; dx <= most; dx += 1) {
        this.set(x + dx, y + dy, isDark(Math.max(Math.abs(dx), Math.abs(dy))))
      }
    }
  }

  private alignments(): number[] {
    if (this.version === 1) return []
    const count = Math.floor(this.version / 7) + 2
    const step = Math.floor((this.version * 8 + count * 3 + 5) / (count * 4 - 4)) * 2
    const places = Array.from({ length: count - 1 }, (_, at) => this.size - 7 - at * step)
    return [6, ...places.reverse()]
  }

  private drawFormat(mask: number): void {
    const data = (LEVEL_M << 3) | mask
    const bits = ((data << 10) | checked(data, 10, 0x537)) ^ 0x5412
    const bit = (at: number) => ((bits >>> at) & 1) !== 0
    const { size } = this
    for (let at = 0; at <= 5; at += 1) this.set(8, at, bit(at))
    this.set(8, 7, bit(6))
    this.set(8, 8, bit(7))
    this.set(7, 8, bit(8))
    for (let at = 9; at < 15; at += 1) this.set(14 - at, 8, bit(at))
    for (let at = 0; at < 8; at += 1) this.set(size - 1 - at, 8, bit(at))
    for (let at = 8; at < 15; at += 1) this.set(8, size - 15 + at, bit(at))
    this.set(8, size - 8, true)
  }

  private drawVersion(): void {
    if (this.version < 7) return
    const bits = (this.version << 12) | checked(this.version, 12, 0x1f25)
    for (let at = 0; at < 18; at += 1) {
      const dark = ((bits >>> at) & 1) !== 0
      const far = this.size - 11 + (at % 3)
      const near = Math.floor(at / 3)
      this.set(far, near, dark)
      this.set(near, far, dark)
    }
  }

  /** In columns of two, from the right, upwards and downwards in turn. */
  drawData(words: readonly number[]): void {
    const { size } = this
    let at = 0
    for (let right = size - 1; right >= 1; right -= 2) {
      // The timing pattern's column is left out.
      if (right === 6) right = 5
      const upwards = ((right + 1) & 2) === 0
      for (let step = 0; step < size; step += 1) {
        const y = upwards ? size - 1 - step : step
        for (const x of [right, right - 1]) {
          if (this.fixed[y]?.[x] !== false) continue
          const row = this.dark[y]
          if (row !== undefined) row[x] = (((words[at >>> 3] ?? 0) >>> (7 - (at & 7))) & 1) !== 0
          at += 1
        }
      }
    }
  }

  masked(mask: number): Matrix {
    this.drawFormat(mask)
    const turns = MASKS[mask] ?? (() => false)
    return this.dark.map((row, y) => row.map((dark, x) => dark !== (this.fixed[y]?.[x] === false && turns(x, y))))
  }
}

/** The check bits of a BCH code. */
function checked(data: number, count: number, polynomial: number): number {
  let rest = data
  for (let step = 0; step < count; step += 1) rest = (rest << 1) ^ ((rest >>> (count - 1)) * polynomial)
  return rest
}

/** How hard a code would be to read (ISO/IEC 18004, section 7.8.3). */
function penalty(matrix: Matrix): number {
  const columns = matrix.map((_, x) => matrix.map((row) => row[x] ?? false))
  const lines = [...matrix, ...columns]
  return lines.reduce((sum, line) => sum + runs(line) + finders(line), 0) + squares(matrix) + balance(matrix)
}

function runs(line: readonly boolean[]): number {
  let sum = 0
  let length = 0
  line.forEach((dark, at) => {
    length = at > 0 && dark === line[at - 1] ? length + 1 : 1
    if (length === 5) sum += 3
    else if (length > 5) sum += 1
  })
  return sum
}

const FINDER = /(?=10111010000|00001011101)/g

function finders(line: readonly boolean[]): number {
  return 40 * [...line.map(Number).join('').matchAll(FINDER)].length
}

function squares(matrix: Matrix): number {
  let sum = 0
  for (let y = 1; y < matrix.length; y += 1) {
    for (let x = 1; x < matrix.length; x += 1) {
      const same = [matrix[y - 1]?.[x - 1], matrix[y - 1]?.[x], matrix[y]?.[x - 1]]
      if (same.every((dark) => dark === matrix[y]?.[x])) sum += 3
    }
  }
  return sum
}

function balance(matrix: Matrix): number {
  const dark = matrix.flat().filter(Boolean).length
  return 10 * Math.floor(Math.abs((100 * dark) / matrix.length ** 2 - 50) / 5)
}
