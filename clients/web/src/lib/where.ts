/** Whether an address is one of our own screens: what may be gone to after signing in. */
export function isOwnPath(text: string | null | undefined): text is string {
  return text !== null && text !== undefined && /^\/(?![/\\])/.test(text) && !text.startsWith('/sign-in')
}

/** The parts of a path that fits a pattern such as `/users/:id`; undefined where it does not. */
export function matchPath(pattern: string, path: string): Readonly<Record<string, string>> | undefined {
  const wanted = pattern.split('/')
  const given = path.replace(/\/+$/, '').split('/')
  if (path === '/') given.splice(0, given.length, '', '')
  if (wanted.length !== given.length) return undefined
  const found: Record<string, string> = {}
  for (const [index, part] of wanted.entries()) {
    const value = given[index] ?? ''
    if (part.startsWith(':')) {
      if (value === '') return undefined
      found[part.slice(1)] = decoded(value)
    } else if (part !== value) {
      return undefined
    }
  }
  return found
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // A stray percent sign: the text itself is then what was meant.
    return text
  }
}
