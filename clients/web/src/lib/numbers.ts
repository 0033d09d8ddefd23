/** A number as somebody typed it, with a point or a comma; nothing typed is null, nonsense NaN. */
export function numberOf(text: string): number | null {
  const plain = text.trim().replace(',', '.')
  return plain === '' ? null : Number(plain)
}

export function textOf(value: string | number | null | undefined): string {
  return value === null || value === undefined ? '' : String(value)
}

/** A text that is left out where nothing was typed. */
export function givenOf(text: string): string | null {
  const plain = text.trim()
  return plain === '' ? null : plain
}

/** Separated by commas. */
export function listOf(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

/** Microseconds of UTC of what a `datetime-local` field holds, in the time zone of the page. */
export function microsecondsOf(text: string): number | undefined {
  const time = new Date(text).getTime()
  return Number.isNaN(time) ? undefined : time * 1000
}
