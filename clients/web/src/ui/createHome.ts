import { createSignal, type Accessor } from 'solid-js'
import { cities as api, type City } from '../api/cities'
import { useApp } from './app'
import { createData } from './createData'
import type { Choice } from './Field'

export interface Home {
  /** The city that is looked at; empty where none is chosen, or for the platform. */
  readonly city: Accessor<string>
  readonly choose: (city: string) => void
  readonly cities: Accessor<readonly City[]>
  /** True for the platform's people: those of a city have but one. */
  readonly chooses: boolean
  readonly choices: (first?: Choice) => readonly Choice[]
}

/**
 * Whose things a screen shows. A city's people see their own city and choose
 * nothing; the platform's people choose, beginning with the first city where
 * `first` says so.
 */
export function createHome(first = false): Home {
  const app = useApp()
  const own = app.me()?.home ?? ''
  const chooses = own === ''
  const [city, choose] = createSignal(own)
  const list = createData(
    () => undefined,
    async () => {
      const found = chooses ? await api.all(app.client) : []
      if (first && city() === '') choose(found[0]?.id ?? '')
      return found
    },
  )
  const found = () => list.value() ?? []
  return {
    city,
    choose,
    cities: found,
    chooses,
    choices: (head) => [
      ...(head === undefined ? [] : [head]),
      ...found().map(({ id, name }) => ({ value: id, label: name })),
    ],
  }
}
