import { en as people } from './people/en'
import { en as places } from './places/en'
import { en as problems } from './problems/en'
import { en as recordings } from './recordings/en'
import { en as shared } from './shared/en'
import { en as streams } from './streams/en'

/** Every text of the screens. The other languages have the same keys; `{name}` is filled in. */
export const en = { ...people, ...places, ...problems, ...recordings, ...shared, ...streams } as const

export type Key = keyof typeof en
export type Catalogue = Readonly<Record<Key, string>>
