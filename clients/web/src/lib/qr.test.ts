import { describe, expect, it } from 'vitest'
import { qrMatrix, qrPath } from './qr'

/** Read back as "a" by an independent decoder (OpenCV). */
const LETTER = `
111111100101101111111
100000101011001000001
101110101101001011101
101110101011001011101
101110100100101011101
100000100011001000001
111111101010101111111
000000001100000000000
100000101011011001110
100110000001110111001
001011100110101100000
010101011001111101010
110100111101111111111
000000001100100000101
111111100111010011110
100000100010001000111
101110100111010011100
101110100101111101000
101110100101110111011
100000100011111101000
111111101010100100110
`.trim()

const rows = (text: string) => qrMatrix(text).map((row) => row.map((dark) => (dark ? '1' : '0')).join(''))

function hashOf(text: string): number {
  return Array.from(text).reduce((hash, char) => (Math.imul(hash, 31) + char.charCodeAt(0)) | 0, 7)
}

describe('qrMatrix', () => {
  it('draws what a decoder reads', () => {
    expect(rows('a').join('\n')).toBe(LETTER)
  })

  // Each was read back by an independent decoder (OpenCV) before its hash was written down here.
  it.each([
    ['a short text', 'HELLO WORLD! lower', 25, -2004485143],
    ['the address of an authenticator', 'otpauth://totp/VMS%20Enterprise:ana?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=VMS%20Enterprise&algorithm=SHA1&digits=6&period=30', 49, 1537020571],
    ['300 letters', 'x'.repeat(300), 69, 1898791981],
    ['600 letters', 'y'.repeat(600), 93, 875907367],
  ])('draws %s the same for ever', (_, text, size, hash) => {
    const found = rows(text)
    expect(found).toHaveLength(size)
    expect(hashOf(found.join(''))).toBe(hash)
  })

  it('refuses what fits no code', () => {
    expect(() => qrMatrix('x'.repeat(667))).toThrow(RangeError)
  })
})

it('writes a path of one square a module', () => {
  expect(qrPath([[true, false], [false, true]], 4)).toBe('M4 4h1v1h-1zM5 5h1v1h-1z')
})
