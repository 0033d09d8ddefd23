import type { Direction } from './grid'

export type Action =
  | { readonly kind: 'move'; readonly direction: Direction }
  | { readonly kind: 'enlarge' | 'back' | 'details' | 'help' | 'sound' | 'language' | 'fullscreen' }

const MOVES: Readonly<Record<string, Direction>> = {
  ArrowLeft: 'left',
  ArrowRight: 'right',
  ArrowUp: 'up',
  ArrowDown: 'down',
  Home: 'first',
  End: 'last',
}

const OTHERS: Readonly<Record<string, Exclude<Action['kind'], 'move'>>> = {
  Enter: 'enlarge',
  Escape: 'back',
  i: 'details',
  '?': 'help',
  m: 'sound',
  l: 'language',
  f: 'fullscreen',
}

type KeyPress = Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'altKey' | 'metaKey'>

/** What a key means on the wall; undefined leaves it to the browser. */
export function actionOf(press: KeyPress): Action | undefined {
  if (press.ctrlKey || press.altKey || press.metaKey) return undefined
  const direction = MOVES[press.key]
  if (direction !== undefined) return { kind: 'move', direction }
  const name = press.key.length === 1 ? press.key.toLowerCase() : press.key
  const kind = OTHERS[name]
  return kind === undefined ? undefined : { kind }
}
