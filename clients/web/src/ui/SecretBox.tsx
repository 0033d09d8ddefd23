import { Show, type JSX } from 'solid-js'
import { save } from '../lib/save'
import { useApp } from './app'
import { CopyButton } from './CopyButton'

export interface SecretBoxProps {
  readonly label: string
  readonly text: string
  /** Offers the text as a file of this name. */
  readonly file?: string
}

/** Something that is shown this once, with ways to keep it. */
export function SecretBox(props: SecretBoxProps): JSX.Element {
  const app = useApp()
  let shown: HTMLPreElement | undefined
  return (
    <div class="secret">
      <span class="secret-label">{props.label}</span>
      <pre ref={shown} tabindex="0">
        {props.text}
      </pre>
      <div class="buttons">
        <CopyButton text={props.text} shown={() => shown} />
        <Show when={props.file}>
          {(name) => (
            <button type="button" class="button" onClick={() => { save(name(), props.text) }}>
              {app.text('secret.download')}
            </button>
          )}
        </Show>
      </div>
    </div>
  )
}
