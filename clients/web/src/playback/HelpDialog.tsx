import { For, type JSX } from 'solid-js'
import { useApp } from '../ui/app'
import { Dialog } from '../ui/Dialog'
import { KEY_ROWS, TIMELINE_ROWS, type KeyRow } from './keys'

/** Every key of the screen, and what one does by pointer. */
export function HelpDialog(props: { onClose(): void }): JSX.Element {
  const app = useApp()
  return (
    <Dialog title={app.text('help.title')} onClose={() => { props.onClose() }}>
      <div class="key-help">
        <Rows rows={KEY_ROWS} />
        <h3>{app.text('press.line')}</h3>
        <Rows rows={TIMELINE_ROWS} />
        <p>{app.text('press.pointer')}</p>
      </div>
      <div class="buttons">
        <button type="button" class="button" onClick={() => { props.onClose() }}>
          {app.text('help.close')}
        </button>
      </div>
    </Dialog>
  )
}

function Rows(props: { readonly rows: readonly Omit<KeyRow, 'acts'>[] }): JSX.Element {
  const app = useApp()
  return (
    <dl>
      <For each={props.rows}>
        {(row) => (
          <div>
            <dt>
              <For each={row.shown}>{(key) => <kbd>{key}</kbd>}</For>
            </dt>
            <dd>{app.text(row.text)}</dd>
          </div>
        )}
      </For>
    </dl>
  )
}
