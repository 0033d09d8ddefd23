import { describe, expect, it } from 'vitest'
import { makeTranslator } from '../i18n/translate'
import { gapText } from './gap'

const said = (language: 'en' | 'pt' | 'es', code: string, open: boolean) => gapText(makeTranslator(language), { reason: { code, values: {} }, open })

describe('why nothing was recorded', () => {
  it.each([
    ['en', 'operator', 'Recording was stopped by hand · until now'],
    ['en', 'disk_full', 'The disk was full · until now'],
    ['en', 'disk_full_held', 'The disk was full of recordings that must be kept · until now'],
    ['en', 'schedule', 'Outside the recording schedule · until now'],
    ['pt', 'operator', 'A gravação foi parada manualmente · até agora'],
    ['pt', 'schedule', 'Fora da programação de gravação · até agora'],
    ['es', 'operator', 'La grabación se detuvo manualmente · hasta ahora'],
    ['es', 'schedule', 'Fuera de la programación de grabación · hasta ahora'],
  ] as const)('is told in %s of %s, and that it lasts', (language, code, wanted) => {
    expect(said(language, code, true)).toBe(wanted)
    expect(said(language, code, false)).toBe(wanted.split(' · ')[0])
  })
})
