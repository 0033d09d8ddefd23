import { Show, type JSX } from 'solid-js'
import { isConflict } from '../api/client'
import { useApp } from './app'
import type { Action } from './createAction'

export interface FormProps {
  /** What sending the form does. */
  readonly action: Action
  readonly submit: string
  readonly children: JSX.Element
  /** Buttons beside the one that sends. */
  readonly more?: JSX.Element
  readonly disabled?: boolean
  /** Shows what somebody else has made of it meanwhile. */
  readonly onReload?: (() => void) | undefined
}

/** Fields that are sent together, and what became of it. */
export function Form(props: FormProps): JSX.Element {
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault()
        void props.action.run()
      }}
    >
      {props.children}
      <Refusal error={props.action.error()} onReload={props.onReload} />
      <div class="buttons">
        <button type="submit" class="button primary" disabled={props.action.busy() || props.disabled === true}>
          {props.submit}
        </button>
        {props.more}
      </div>
    </form>
  )
}

export interface RefusalProps {
  readonly error: unknown
  readonly onReload?: (() => void) | undefined
}

/** Why something was not done, read out at once; after a conflict with the way on. */
export function Refusal(props: RefusalProps): JSX.Element {
  const app = useApp()
  return (
    <Show when={props.error}>
      {(error) => (
        <div class="refusal" role="alert">
          <span>{app.t().problem(error())}</span>
          <Show when={isConflict(error()) && props.onReload}>
            {(reload) => (
              <button type="button" class="button" onClick={() => { reload()() }}>
                {app.text('form.reload')}
              </button>
            )}
          </Show>
        </div>
      )}
    </Show>
  )
}
