import type { Key } from '../i18n/en'
import type { Layout } from './createStage'
import type { Goal } from './search'

/** What a key does on the playback screen. */
export type Act =
  | { readonly kind: 'toggle' | 'shuttle_back' | 'shuttle_on' | 'faster' | 'slower' }
  | { readonly kind: 'step'; readonly forward: boolean }
  | { readonly kind: 'skip'; readonly seconds: number }
  | { readonly kind: 'go'; readonly goal: Goal; readonly forward: boolean }
  | { readonly kind: 'layout'; readonly layout: Layout }
  | { readonly kind: 'page'; readonly by: number }
  | { readonly kind: 'zoom'; readonly larger: boolean }
  | { readonly kind: 'whole' | 'back' | 'enlarge' | 'sound' | 'bookmark' | 'snapshot' | 'range_from' | 'range_to' | 'help' }

export interface KeyRow {
  /** As they stand on a keyboard. */
  readonly shown: readonly string[]
  readonly text: Key
  readonly acts: Readonly<Record<string, Act>>
}

const skip = (seconds: number): Act => ({ kind: 'skip', seconds })
const go = (goal: Goal, forward: boolean): Act => ({ kind: 'go', goal, forward })

/** Every key and what it does: what the help tells is what happens. */
export const KEY_ROWS: readonly KeyRow[] = [
  { shown: ['Space', 'K'], text: 'press.play', acts: { ' ': { kind: 'toggle' }, k: { kind: 'toggle' } } },
  { shown: ['J', 'L'], text: 'press.shuttle', acts: { j: { kind: 'shuttle_back' }, l: { kind: 'shuttle_on' } } },
  { shown: ['↑', '↓'], text: 'press.speed', acts: { ArrowUp: { kind: 'faster' }, ArrowDown: { kind: 'slower' } } },
  { shown: [',', '.'], text: 'press.step', acts: { ',': { kind: 'step', forward: false }, '.': { kind: 'step', forward: true } } },
  { shown: ['←', '→'], text: 'press.skip', acts: { ArrowLeft: skip(-10), ArrowRight: skip(10) } },
  { shown: ['Shift ←', 'Shift →'], text: 'press.skip.far', acts: { 'Shift+ArrowLeft': skip(-60), 'Shift+ArrowRight': skip(60) } },
  { shown: ['E', 'Shift E'], text: 'press.event', acts: { e: go('event', true), 'Shift+e': go('event', false) } },
  { shown: ['B', 'Shift B'], text: 'press.bookmark', acts: { b: go('bookmark', true), 'Shift+b': go('bookmark', false) } },
  { shown: ['G', 'Shift G'], text: 'press.gap', acts: { g: go('gap', true), 'Shift+g': go('gap', false) } },
  { shown: ['N'], text: 'press.mark', acts: { n: { kind: 'bookmark' } } },
  { shown: ['S'], text: 'press.snapshot', acts: { s: { kind: 'snapshot' } } },
  { shown: ['[', ']'], text: 'press.range', acts: { '[': { kind: 'range_from' }, ']': { kind: 'range_to' } } },
  { shown: ['+', '−', '0'], text: 'press.zoom', acts: { '+': { kind: 'zoom', larger: true }, '=': { kind: 'zoom', larger: true }, '-': { kind: 'zoom', larger: false }, '0': { kind: 'whole' } } },
  {
    shown: ['1', '2', '3', '4'],
    text: 'press.layout',
    acts: { '1': { kind: 'layout', layout: 1 }, '2': { kind: 'layout', layout: 4 }, '3': { kind: 'layout', layout: 9 }, '4': { kind: 'layout', layout: 16 } },
  },
  { shown: ['Page ↑', 'Page ↓'], text: 'press.page', acts: { PageUp: { kind: 'page', by: -1 }, PageDown: { kind: 'page', by: 1 } } },
  { shown: ['Enter'], text: 'press.enlarge', acts: { Enter: { kind: 'enlarge' } } },
  { shown: ['Esc'], text: 'press.back', acts: { Escape: { kind: 'back' } } },
  { shown: ['M'], text: 'help.sound', acts: { m: { kind: 'sound' } } },
  { shown: ['?'], text: 'help.help', acts: { '?': { kind: 'help' } } },
]

/** What the timeline does with keys while it has the focus. */
export const TIMELINE_ROWS: readonly Omit<KeyRow, 'acts'>[] = [
  { shown: ['←', '→'], text: 'press.line.move' },
  { shown: ['+', '−'], text: 'press.line.zoom' },
  { shown: ['Page ↑', 'Page ↓'], text: 'press.line.day' },
  { shown: ['Home', 'End'], text: 'press.line.ends' },
]

const ACTS: ReadonlyMap<string, Act> = new Map(KEY_ROWS.flatMap((row) => Object.entries(row.acts)))

type Press = Pick<KeyboardEvent, 'key' | 'shiftKey' | 'ctrlKey' | 'altKey' | 'metaKey'>

/** What a key means; undefined leaves it to the browser. */
export function actOf(press: Press): Act | undefined {
  if (press.ctrlKey || press.altKey || press.metaKey) return undefined
  const letter = press.key.length === 1
  const name = letter ? press.key.toLowerCase() : press.key
  // A sign may need the shift key to be written at all; on a letter it says something.
  const shifted = press.shiftKey && (!letter || /[a-z]/.test(name))
  return ACTS.get(shifted ? `Shift+${name}` : name)
}
