import { createSignal, createUniqueId, onMount, Show, type JSX } from 'solid-js'
import { useApp } from './app'
import { createAction } from './createAction'
import { Refusal } from './Form'

export interface DialogProps {
  readonly title: string
  readonly children: JSX.Element
  onClose(): void
}

/** Over the page. The browser keeps the focus inside, closes it on Escape and gives the focus back. */
export function Dialog(props: DialogProps): JSX.Element {
  const id = createUniqueId()
  let dialog: HTMLDialogElement | undefined
  onMount(() => dialog?.showModal())
  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-labelledby={id}
      onClose={() => {
        props.onClose()
      }}
    >
      <div class="dialog-body">
        <h2 id={id}>{props.title}</h2>
        {props.children}
      </div>
    </dialog>
  )
}

export interface AskedButtonProps {
  readonly label: string
  /** What is asked before it is done. */
  readonly question: string
  readonly danger?: boolean
  readonly disabled?: boolean
  onAct(): Promise<unknown>
}

/** A button whose act is asked about once more. */
export function AskedButton(props: AskedButtonProps): JSX.Element {
  const app = useApp()
  const [asking, setAsking] = createSignal(false)
  const action = createAction(async () => {
    await props.onAct()
    setAsking(false)
  })
  return (
    <>
      <button
        type="button"
        class="button"
        classList={{ danger: props.danger === true }}
        disabled={props.disabled}
        onClick={() => {
          action.forget()
          setAsking(true)
        }}
      >
        {props.label}
      </button>
      <Show when={asking()}>
        <Dialog title={props.label} onClose={() => setAsking(false)}>
          <p>{props.question}</p>
          <Refusal error={action.error()} />
          <div class="buttons">
            <button
              type="button"
              class="button"
              classList={{ danger: props.danger === true }}
              disabled={action.busy()}
              onClick={() => void action.run()}
            >
              {props.label}
            </button>
            <button type="button" class="button plain" onClick={() => setAsking(false)}>
              {app.text('form.cancel')}
            </button>
          </div>
        </Dialog>
      </Show>
    </>
  )
}
