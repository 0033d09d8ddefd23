/**
 * The CNPJ: twelve characters and two check digits (modulo 11). Since July 2026
 * letters may be among the first twelve; a character counts as its ASCII code
 * less 48.
 */

const WEIGHTS = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]

/** What is left of a CNPJ without points: at most 14 characters. */
export function bareCnpj(text: string): string {
  return text.toUpperCase().replace(/[^0-9A-Z]/g, '').slice(0, 14)
}

/** As people write it, as far as it goes: XX.XXX.XXX/XXXX-XX. */
export function shownCnpj(text: string): string {
  const bare = bareCnpj(text)
  const parts = [bare.slice(0, 2), bare.slice(2, 5), bare.slice(5, 8), bare.slice(8, 12), bare.slice(12)]
  const marks = ['', '.', '.', '/', '-']
  return parts.map((part, at) => (part === '' ? '' : `${marks[at] ?? ''}${part}`)).join('')
}

export function isCnpj(text: string): boolean {
  const bare = bareCnpj(text)
  if (!/^[0-9A-Z]{12}[0-9]{2}$/.test(bare) || new Set(bare).size === 1) return false
  const first = digit(bare.slice(0, 12))
  return bare.slice(12) === first + digit(bare.slice(0, 12) + first)
}

function digit(body: string): string {
  const weights = WEIGHTS.slice(WEIGHTS.length - body.length)
  const total = weights.reduce((sum, weight, at) => sum + weight * (body.charCodeAt(at) - 48), 0)
  const rest = total % 11
  return rest < 2 ? '0' : String(11 - rest)
}
