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
  reason(reason: Reason): string
  /** A number as this language writes it. */
  number(value: number, digits?: number): string
}

export function makeTranslator(language: Language): Translator {
  const catalogue = catalogues[language]
  function text(key: Key, values: Values = {}): string {
    return catalogue[key].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? '?'))
  }
  return {
    language,
    text,
    reason(reason) {
      const key = `reason.${reason.code}`
      return isKey(key) ? text(key, reason.values) : text('reason.unknown', { code: reason.code })
    },
    number: (value, digits = 0) =>
      value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }),
  }
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
