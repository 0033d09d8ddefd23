import { createSignal, Show, type JSX } from 'solid-js'
import type { Timelapse } from '../api/recording'
import { numberOf } from '../lib/numbers'
import { MOST_EVERY, MOST_LENGTH, lengthOf, picturesOf, USUAL_LENGTH, usualEvery } from '../lib/timelapse'
import { useApp } from '../ui/app'
import { Field, Select } from '../ui/Field'
import type { Range } from './range'

type PaceKind = keyof Timelapse
const MOST: Readonly<Record<PaceKind, number>> = { length_s: MOST_LENGTH, every_s: MOST_EVERY }

export interface Pace {
  readonly kind: () => PaceKind
  readonly text: () => string
  /** Undefined while what is typed says nothing. */
  readonly wanted: () => Timelapse | undefined
  setKind(kind: PaceKind): void
  setText(text: string): void
}

/** How fast a time-lapse goes: a minute long, or as many seconds a picture as make it about that, until somebody says otherwise. */
export function createPace(range: () => Range): Pace {
  const [kind, setKind] = createSignal<PaceKind>('length_s')
  const [typed, setTyped] = createSignal<Partial<Record<PaceKind, string>>>({})
  const usual = () => (kind() === 'length_s' ? USUAL_LENGTH : usualEvery(range().to_us - range().from_us))
  const text = () => typed()[kind()] ?? String(usual())
  return {
    kind,
    text,
    wanted() {
      const value = numberOf(text())
      if (value === null || !Number.isInteger(value) || value < 1 || value > MOST[kind()]) return undefined
      return kind() === 'length_s' ? { length_s: value } : { every_s: value }
    },
    setKind,
    setText: (said) => setTyped((before) => ({ ...before, [kind()]: said })),
  }
}

/** The pace of a time-lapse, and what comes out at it. */
export function PaceFields(props: { readonly pace: Pace; readonly range: Range }): JSX.Element {
  const app = useApp()
  const isLength = () => props.pace.kind() === 'length_s'
  const time = () => props.range.to_us - props.range.from_us
  const wrong = () => (props.pace.wanted() === undefined ? app.text('field.whole', { least: 1, most: app.t().number(MOST[props.pace.kind()]) }) : undefined)
  const outcome = () => {
    const wanted = props.pace.wanted()
    if (wanted === undefined || time() <= 0) return undefined
    return app.text('timelapse.outcome', { length: app.t().duration(lengthOf(wanted, time())), pictures: app.t().number(picturesOf(wanted, time())) })
  }
  return (
    <>
      <div class="columns">
        <Select
          label={app.text('timelapse.pace')}
          value={props.pace.kind()}
          choices={[
            { value: 'length_s', label: app.text('timelapse.pace.length') },
            { value: 'every_s', label: app.text('timelapse.pace.every') },
          ]}
          onChange={(value) => { props.pace.setKind(value as PaceKind) }}
        />
        <Field
          label={app.text(isLength() ? 'timelapse.length' : 'timelapse.every')}
          type="number"
          inputmode="numeric"
          value={props.pace.text()}
          onInput={(text) => { props.pace.setText(text) }}
          hint={isLength() ? app.text('timelapse.length.hint') : undefined}
          error={wrong()}
          required
        />
      </div>
      <Show when={outcome()}>{(said) => <p role="status">{said()}</p>}</Show>
    </>
  )
}
