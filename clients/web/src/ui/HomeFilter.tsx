import { Show, type JSX } from 'solid-js'
import { useApp } from './app'
import type { Home } from './createHome'
import { Select } from './Field'

export interface HomeFilterProps {
  readonly home: Home
  /** What stands for no city; where there is none, one is always chosen. */
  readonly all?: string
}

/** Which city, for who may choose. */
export function HomeFilter(props: HomeFilterProps): JSX.Element {
  const app = useApp()
  return (
    <Show when={props.home.chooses}>
      <Select
        label={app.text('field.city')}
        value={props.home.city()}
        choices={props.home.choices(props.all === undefined ? undefined : { value: '', label: props.all })}
        onChange={(city) => {
          props.home.choose(city)
        }}
      />
    </Show>
  )
}
