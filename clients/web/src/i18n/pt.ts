import type { Catalogue } from './en'
import { pt as people } from './people/pt'
import { pt as places } from './places/pt'
import { pt as problems } from './problems/pt'
import { pt as recordings } from './recordings/pt'
import { pt as shared } from './shared/pt'
import { pt as streams } from './streams/pt'

export const pt: Catalogue = { ...people, ...places, ...problems, ...recordings, ...shared, ...streams }
