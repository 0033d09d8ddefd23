import { createSignal, Show, type JSX } from 'solid-js'
import { useApp } from './app'

export interface CopyButtonProps {
  readonly text: string
  /** Where the text is shown: it is selected where it cannot be copied. */
  shown(): HTMLElement | undefined
}

/** Copies a text that is shown beside it, and says whether it did. */
export function CopyButton(props: CopyButtonProps): JSX.Element {
  const app = useApp()
  const [copied, setCopied] = createSignal<boolean>()

  function copy(): void {
    copyText(props.text, props.shown()).then(
      () => setCopied(true),
      () => setCopied(false),
    )
  }

  return (
    <>
      <button type="button" class="button" onClick={copy}>
        {app.text('secret.copy')}
      </button>
      <span role="status">
        <Show when={copied() !== undefined}>{app.text(copied() === true ? 'secret.copied' : 'secret.not_copied')}</Show>
      </span>
    </>
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
