import type { Catalogue } from './en'
import { es as people } from './people/es'
import { es as places } from './places/es'
import { es as problems } from './problems/es'
import { es as recordings } from './recordings/es'
import { es as shared } from './shared/es'
import { es as streams } from './streams/es'

export const es: Catalogue = { ...people, ...places, ...problems, ...recordings, ...shared, ...streams }
