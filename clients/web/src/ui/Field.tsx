import { createUniqueId, For, Show, type JSX } from 'solid-js'

export interface FieldProps {
  readonly label: string
  readonly value: string
  onInput(value: string): void
  readonly type?: 'text' | 'password' | 'email' | 'number' | 'datetime-local' | 'search'
  readonly hint?: string | undefined
  readonly error?: string | undefined
  readonly required?: boolean
  readonly disabled?: boolean
  readonly autocomplete?: string
  readonly inputmode?: 'numeric' | 'text' | 'decimal'
  readonly maxlength?: number
  readonly placeholder?: string
  /** Takes the focus when it appears. */
  readonly focus?: boolean
  readonly spellcheck?: boolean
}

/** A labelled input; what is wrong with it and what it wants are tied to it for those who cannot see. */
export function Field(props: FieldProps): JSX.Element {
  const id = createUniqueId()
  return (
    <div class="field" classList={{ wrong: props.error !== undefined }}>
      <label for={id}>{props.label}</label>
      <input
        id={id}
        ref={(input) => {
          if (props.focus === true) takeFocus(input)
        }}
        type={props.type ?? 'text'}
        step={props.type === 'number' || props.type === 'datetime-local' ? 'any' : undefined}
        value={props.value}
        required={props.required}
        disabled={props.disabled}
        autocomplete={props.autocomplete ?? 'off'}
        inputmode={props.inputmode}
        maxlength={props.maxlength}
        placeholder={props.placeholder}
        spellcheck={props.spellcheck ?? false}
        autocapitalize="none"
        aria-invalid={props.error !== undefined}
        aria-describedby={props.error !== undefined || props.hint !== undefined ? `${id}-hint` : undefined}
        onInput={(event) => {
          props.onInput(event.currentTarget.value)
        }}
      />
      <Show when={props.error ?? props.hint}>{(text) => <small id={`${id}-hint`}>{text()}</small>}</Show>
    </div>
  )
}

export interface Choice {
  readonly value: string
  readonly label: string
}

export interface SelectProps {
  readonly label: string
  readonly value: string
  readonly choices: readonly Choice[]
  readonly hint?: string | undefined
  readonly required?: boolean
  readonly disabled?: boolean
  onChange(value: string): void
}

/** A labelled choice of one. */
export function Select(props: SelectProps): JSX.Element {
  const id = createUniqueId()
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <select
        id={id}
        required={props.required}
        disabled={props.disabled}
        aria-describedby={props.hint === undefined ? undefined : `${id}-hint`}
        onChange={(event) => {
          props.onChange(event.currentTarget.value)
        }}
      >
        <For each={props.choices}>
          {(choice) => (
            <option value={choice.value} selected={choice.value === props.value}>
              {choice.label}
            </option>
          )}
        </For>
      </select>
      <Show when={props.hint}>{(text) => <small id={`${id}-hint`}>{text()}</small>}</Show>
    </div>
  )
}

export interface CheckProps {
  readonly label: string
  readonly hint?: string | undefined
  readonly checked: boolean
  readonly disabled?: boolean
  onChange(checked: boolean): void
}

/** A labelled box to tick. */
export function Check(props: CheckProps): JSX.Element {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={props.checked}
        disabled={props.disabled}
        onChange={(event) => {
          props.onChange(event.currentTarget.checked)
        }}
      />
      <span>
        {props.label}
        <Show when={props.hint}>{(text) => <small>{text()}</small>}</Show>
      </span>
    </label>
  )
}

/** Once it is on the page: an element that is not yet there cannot be focused. */
export function takeFocus(element: HTMLElement): void {
  queueMicrotask(() => {
    element.focus()
  })
}
