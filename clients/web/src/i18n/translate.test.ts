import { describe, expect, it } from 'vitest'
import source from '../../../../engine/crates/sources/src/reason.rs?raw'
import denied from '../../../../engine/crates/access/src/denied.rs?raw'
import talked from '../../../../engine/crates/sinks/src/webrtc/talked.rs?raw'
import whep from '../../../../engine/crates/front/src/whep.rs?raw'
import format from '../../../../docs/design/recording-format.md?raw'
import { en, type Key } from './en'
import { catalogues, chooseLanguage, languages, makeTranslator } from './translate'

/** The reasons are written down once, in the engine; each needs its words here. */
const CODES = [
  ...[source, denied, talked].flatMap((text) => [...text.matchAll(/Self::\w+(?:\(_\)| \{ \.\. \})? => "(\w+)",/g)]),
  ...whep.matchAll(/StatusCode::\w+, "(\w+)"/g),
].map((match) => match[1] ?? '')

/** Why there is a gap is written down in the recording format: `1 camera off, 2 network, ...`. */
const GAPS = (/\nReasons: ([^.]+)\./.exec(format)?.[1] ?? '').split(',').map((reason) =>
  reason.replace(/\d+/, '').trim().replaceAll(/\W+/g, '_'),
)

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
    expect(CODES).toContain('limit_reached')
    expect(CODES).toContain('no_common_codec')
    expect(CODES).toContain('talk_too_long')
    expect(CODES.length).toBeGreaterThan(30)
  })

  it('knows every reason of a gap', () => {
    expect(GAPS).toHaveLength(18)
    expect(GAPS).toContain('disk_full_held')
    for (const code of GAPS) {
      const said = makeTranslator(language).gap({ code, values: {} })
      expect(said, code).toBe(catalogue[`gap.${code}` as Key])
      expect(said, code).not.toContain('{')
    }
  })

  it('tells why somebody is not reached whom a stream is brought to, in words of his own', () => {
    const own = keys.filter((key) => key.startsWith('target.'))
    expect(own).toContain('target.timeout')
    const translator = makeTranslator(language)
    for (const key of own) {
      const code = key.replace('target.', '')
      expect(CODES).toContain(code)
      expect(places(catalogue[key]), key).toEqual(places(catalogue[`reason.${code}` as Key]))
      expect(translator.target({ code, values: { detail: 'X' } })).toBe(catalogue[key].replace('{detail}', 'X'))
    }
    expect(translator.target({ code: 'masked', values: {} })).toBe(catalogue['reason.masked'])
  })

  it.each(CODES)('has words for %s', (code) => {
    const said = makeTranslator(language).reason({ code, values: { codec: 'MJPEG', detail: 'X', camera: 'H.265', limit: 4, of: 'the stream', who: 'Ana' } })
    expect(said).not.toContain('the stream')
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
    const made = /^(details\.(way|variant)|state|reason|target|problem|function|camera|quota|outcome|fault|row|limit|stream|gap|mark|mode|thin|manual|by_hand|export_state|clip_reason|rule|goal|hold_state|case_state|export_tab)\./
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

  it('tells sizes', () => {
    const english = makeTranslator('en')
    expect([0, 999, 1500, 4.2e9, 7e15].map((bytes) => english.size(bytes))).toEqual(['0 B', '999 B', '1.5 kB', '4.2 GB', '7 PB'])
    expect(makeTranslator('pt').size(4.2e9)).toBe('4,2 GB')
  })

  it('names a code that it has no words for', () => {
    expect(makeTranslator('es').reason({ code: 'meteor', values: {} })).toBe('Motivo desconocido (meteor)')
  })

  it('tells how long something lasted by its two largest units', () => {
    const english = makeTranslator('en')
    expect([0, 59, 61, 3_600, 3_725, 90_061].map((seconds) => english.duration(seconds * 1_000_000))).toEqual(
      ['0s', '59s', '1m 1s', '1h', '1h 2m', '1d 1h'],
    )
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
