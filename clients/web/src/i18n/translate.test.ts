import { describe, expect, it } from 'vitest'
import source from '../../../../engine/crates/sources/src/reason.rs?raw'
import { en, type Key } from './en'
import { catalogues, chooseLanguage, languages, makeTranslator } from './translate'

/** The reasons are written down once, in the engine; each needs its words here. */
const CODES = [...source.matchAll(/Self::\w+(?: \{ \.\. \})? => "(\w+)",/g)].map((match) => match[1] ?? '')

const keys = Object.keys(en) as Key[]
const places = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort()

describe.each(languages)('the catalogue in %s', (language) => {
  const catalogue = catalogues[language]

  it('has every text, with the same values to fill in', () => {
    expect(Object.keys(catalogue).sort()).toEqual([...keys].sort())
    for (const key of keys) {
      expect(catalogue[key].trim(), key).not.toBe('')
      expect(places(catalogue[key]), key).toEqual(places(en[key]))
    }
  })

  it('knows where the codes are written', () => {
    expect(CODES).toContain('wrong_password')
    expect(CODES.length).toBeGreaterThan(15)
  })

  it.each(CODES)('has words for %s', (code) => {
    const said = makeTranslator(language).reason({ code, values: { codec: 'MJPEG', detail: 'X' } })
    expect(said).not.toContain(`(${code})`)
    expect(said).not.toContain('{')
    expect(said).not.toContain('?')
  })
})

describe('the catalogue', () => {
  it('has no text that nobody uses', () => {
    const sources = import.meta.glob<string>(['../**/*.{ts,tsx}', '!../i18n/**', '!../**/*.test.*'], {
      query: '?raw',
      import: 'default',
      eager: true,
    })
    const all = Object.values(sources).join('\n')
    // These are put together from what the server says.
    const made = /^(state|reason|problem|function|camera|quota|outcome|fault|row)\./
    const fixed = keys.filter((key) => !made.test(key))
    expect(fixed.filter((key) => key !== 'page.title' && !all.includes(`'${key}'`))).toEqual([])
  })
})

describe('makeTranslator', () => {
  it('fills in values', () => {
    const portuguese = makeTranslator('pt')
    expect(portuguese.reason({ code: 'unknown_codec', values: { codec: 'MJPEG' } })).toBe(
      'O codec MJPEG não é suportado',
    )
    expect(portuguese.text('wall.count', { live: 3, all: 4 })).toBe('3 de 4 ao vivo')
    expect(portuguese.number(1234.5, 1)).toBe('1.234,5')
  })

  it('names a code that it has no words for', () => {
    expect(makeTranslator('es').reason({ code: 'meteor', values: {} })).toBe('Motivo desconocido (meteor)')
  })

  it('marks a value that is missing', () => {
    expect(makeTranslator('en').reason({ code: 'unknown_codec', values: {} })).toBe('The codec ? is not supported')
  })
})

describe('chooseLanguage', () => {
  it.each([
    [['pt-BR', 'en'], 'pt'],
    [[null, 'es-419'], 'es'],
    [['de', 'fr', 'EN-gb'], 'en'],
    [['de'], 'en'],
    [[], 'en'],
  ])('%j: %s', (wishes, language) => {
    expect(chooseLanguage(wishes)).toBe(language)
  })
})
