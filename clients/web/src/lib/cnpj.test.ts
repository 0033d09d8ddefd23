import { describe, expect, it } from 'vitest'
import { isCnpj, shownCnpj } from './cnpj'
import { givenOf, listOf, microsecondsOf, numberOf, textOf } from './numbers'

describe('a CNPJ', () => {
  it.each(['11222333000181', '11.222.333/0001-81', '12ABC34501DE35', '12.abc.345/01de-35'])('%s can be', (text) => {
    expect(isCnpj(text)).toBe(true)
  })

  it.each(['', '11222333000180', '11111111111111', '1122233300018', '11222333000A81'])('%s cannot be', (text) => {
    expect(isCnpj(text)).toBe(false)
  })

  it.each([
    ['112', '11.2'],
    ['11222333000181', '11.222.333/0001-81'],
    ['11.222.333/0001-81999', '11.222.333/0001-81'],
    ['', ''],
  ])('%s is shown as %s', (text, shown) => {
    expect(shownCnpj(text)).toBe(shown)
  })
})

it('reads what people type', () => {
  expect(numberOf(' -23,55 ')).toBe(-23.55)
  expect(numberOf('')).toBeNull()
  expect(textOf(null)).toBe('')
  expect(textOf(554)).toBe('554')
  expect(givenOf('  ')).toBeNull()
  expect(givenOf(' a ')).toBe('a')
  expect(listOf('a, b,,c ')).toEqual(['a', 'b', 'c'])
  expect(microsecondsOf('')).toBeUndefined()
  expect(microsecondsOf('2026-01-01T00:00')).toBe(new Date('2026-01-01T00:00').getTime() * 1000)
})
