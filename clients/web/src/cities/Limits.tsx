import { For, type JSX } from 'solid-js'
import { QUOTAS, type Quota } from '../api/cities'
import { useApp } from '../ui/app'
import { Field } from '../ui/Field'

export type LimitTexts = Readonly<Partial<Record<Quota, string>>>

export interface LimitsProps {
  readonly values: LimitTexts
  readonly hint: string
  readonly disabled?: boolean
  onChange(values: LimitTexts): void
}

/** A number for each quota; an empty field means what the hint says. */
export function Limits(props: LimitsProps): JSX.Element {
  const app = useApp()
  return (
    <>
      <span class="legend">{props.hint}</span>
      <div class="columns">
        <For each={QUOTAS}>
          {(quota) => (
            <Field
              label={app.text(`quota.${quota}`)}
              value={props.values[quota] ?? ''}
              type="number"
              disabled={props.disabled === true}
              onInput={(text) => {
                props.onChange({ ...props.values, [quota]: text })
              }}
            />
          )}
        </For>
      </div>
    </>
  )
}

export function textsOf(limits: Readonly<Partial<Record<Quota, number | null>>>): LimitTexts {
  return Object.fromEntries(Object.entries(limits).map(([quota, limit]) => [quota, limit === null ? '' : String(limit)]))
}

export function limitsOf(texts: LimitTexts): Partial<Record<Quota, number>> {
  const given = Object.entries(texts).filter(([, text]) => text.trim() !== '')
  return Object.fromEntries(given.map(([quota, text]) => [quota, Number(text)]))
}
