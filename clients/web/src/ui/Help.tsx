import { For, onMount, type JSX } from 'solid-js'
import type { Key } from '../i18n/en'
import type { Translator } from '../i18n/translate'

const ROWS: readonly { readonly keys: readonly string[]; readonly text: Key }[] = [
  { keys: ['←', '→', '↑', '↓'], text: 'help.move' },
  { keys: ['Home', 'End'], text: 'help.ends' },
  { keys: ['Enter'], text: 'help.enlarge' },
  { keys: ['Esc'], text: 'help.back' },
  { keys: ['I'], text: 'help.details' },
  { keys: ['M'], text: 'help.sound' },
  { keys: ['F'], text: 'help.fullscreen' },
  { keys: ['L'], text: 'help.language' },
  { keys: ['?'], text: 'help.help' },
]

export interface HelpProps {
  readonly translator: Translator
  onClose(): void
}

/** The keyboard's keys, over the page. The browser keeps the focus inside and closes it on Escape. */
export function Help(props: HelpProps): JSX.Element {
  let dialog: HTMLDialogElement | undefined
  onMount(() => dialog?.showModal())
  return (
    <dialog
      ref={dialog}
      class="help"
      aria-labelledby="help-title"
      onClose={() => {
        props.onClose()
      }}
      onClick={(event) => {
        // A click on the dialog itself, not on what it holds, is one on the backdrop.
        if (event.target === dialog) dialog.close()
      }}
    >
      <div class="help-body">
        <h2 id="help-title">{props.translator.text('help.title')}</h2>
        <dl>
          <For each={ROWS}>
            {(row) => (
              <div>
                <dt>
                  <For each={row.keys}>{(key) => <kbd>{key}</kbd>}</For>
                </dt>
                <dd>{props.translator.text(row.text)}</dd>
              </div>
            )}
          </For>
        </dl>
        <button type="button" class="button" onClick={() => dialog?.close()}>
          {props.translator.text('help.close')}
        </button>
      </div>
    </dialog>
  )
}
