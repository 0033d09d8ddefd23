import { createSignal, Show, type JSX } from 'solid-js'
import { save } from '../lib/save'
import { useApp } from './app'

export interface SecretBoxProps {
  readonly label: string
  readonly text: string
  /** Offers the text as a file of this name. */
  readonly file?: string
}

/** Something that is shown this once, with ways to keep it. */
export function SecretBox(props: SecretBoxProps): JSX.Element {
  const app = useApp()
  const [copied, setCopied] = createSignal<boolean>()
  let shown: HTMLPreElement | undefined

  function copy(): void {
    copyText(props.text, shown).then(
      () => setCopied(true),
      () => setCopied(false),
    )
  }

  return (
    <div class="secret">
      <span class="secret-label">{props.label}</span>
      <pre ref={shown} tabindex="0">
        {props.text}
      </pre>
      <div class="buttons">
        <button type="button" class="button" onClick={copy}>
          {app.text('secret.copy')}
        </button>
        <Show when={props.file}>
          {(name) => (
            <button type="button" class="button" onClick={() => { save(name(), props.text) }}>
              {app.text('secret.download')}
            </button>
          )}
        </Show>
        <span role="status">
          <Show when={copied() !== undefined}>{app.text(copied() === true ? 'secret.copied' : 'secret.not_copied')}</Show>
        </span>
      </div>
    </div>
  )
}

/** A page over plain HTTP has no clipboard: the text is then selected, for the keyboard. */
async function copyText(text: string, shown: HTMLElement | undefined): Promise<void> {
  const clipboard = (navigator as Partial<Navigator>).clipboard
  if (clipboard !== undefined) {
    await clipboard.writeText(text)
    return
  }
  if (shown !== undefined) getSelection()?.selectAllChildren(shown)
  throw new Error('there is no clipboard')
}
