import { Problem } from '../api/problem'
import type { Reason, Values } from '../api/reason'
import { en, type Catalogue, type Key } from './en'
import { es } from './es'
import { pt } from './pt'

export const languages = ['pt', 'en', 'es'] as const
export type Language = (typeof languages)[number]

export const catalogues: Readonly<Record<Language, Catalogue>> = { pt, en, es }

/** The names of the languages, each in itself. */
export const languageNames: Readonly<Record<Language, string>> = { pt: 'Português', en: 'English', es: 'Español' }

export interface Translator {
  readonly language: Language
  text(key: Key, values?: Values): string
  /** Why a stream is as it is; a code without words is told in the server's. */
  reason(reason: Reason): string
  /** The same of somebody whom a stream is brought to. */
  target(reason: Reason): string
  /** Why something was refused. */
  problem(error: unknown): string
  /** Why nothing was recorded, or why a recording failed. */
  gap(reason: Reason): string
  /** A number of bytes. */
  size(bytes: number): string
  /** A number as this language writes it. */
  number(value: number, digits?: number): string
  /** How long something lasted, in the two largest units, told in microseconds. */
  duration(us: number): string
  /** A moment, told in microseconds of UTC, in the time zone of the page. */
  time(us: number): string
}

export function makeTranslator(language: Language): Translator {
  const clock = new Intl.DateTimeFormat(language, { dateStyle: 'short', timeStyle: 'medium' })
  const catalogue = catalogues[language]
  function text(key: Key, values: Values = {}): string {
    return catalogue[key].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? '?'))
  }
  function said(kinds: readonly string[], { code, values }: Reason): string {
    const key = kinds.map((kind) => `${kind}.${code}`).find(isKey)
    if (key !== undefined) return text(key, named(values, text))
    const { detail } = values
    return typeof detail === 'string' && detail !== '' ? detail : text('reason.unknown', { code })
  }
  return {
    language,
    text,
    reason: (reason) => said(['reason', 'problem'], reason),
    target: (reason) => said(['target', 'reason', 'problem'], reason),
    gap: (reason) => said(['gap', 'problem', 'reason'], reason),
    size(bytes) {
      const power = Math.min(SIZES.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)))
      const value = (bytes / 1000 ** power).toLocaleString(language, { maximumFractionDigits: power === 0 ? 0 : 1 })
      return `${value} ${SIZES[power] ?? 'B'}`
    },
    problem(error) {
      if (error instanceof Problem) return said(['problem', 'reason'], error.reason)
      return text('problem.unknown', { detail: error instanceof Error ? error.message : String(error) })
    },
    time: (us) => clock.format(us / 1000),
    duration: (us) => durationText(us, (value, unit) => value.toLocaleString(language, unitStyle(unit))),
    number: (value, digits = 0) =>
      value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }),
  }
}

const SIZES = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const

const unitStyle = (unit: string): Intl.NumberFormatOptions => ({ style: 'unit', unit, unitDisplay: 'narrow' })

function durationText(us: number, format: (value: number, unit: string) => string): string {
  let left = Math.round(us / 1_000_000)
  const parts: string[] = []
  for (const [unit, seconds] of UNITS) {
    const value = Math.floor(left / seconds)
    left -= value * seconds
    if (value > 0) parts.push(format(value, unit))
    else if (parts.length > 0) break
  }
  return parts.length === 0 ? format(0, 'second') : parts.slice(0, 2).join(' ')
}

/** Whose limit was reached, in the words of the language. */
function named(values: Values, text: (key: Key) => string): Values {
  const key = `limit.${String(values.of).replace('the ', '')}`
  return isKey(key) ? { ...values, of: text(key) } : values
}

function isKey(key: string): key is Key {
  return Object.hasOwn(en, key)
}

/** The first wished language that there is, else English. */
export function chooseLanguage(wishes: readonly (string | null | undefined)[]): Language {
  for (const wish of wishes) {
    const short = wish?.slice(0, 2).toLowerCase()
    const found = languages.find((language) => language === short)
    if (found !== undefined) return found
  }
  return 'en'
}
