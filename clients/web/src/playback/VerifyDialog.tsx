import type { JSX } from 'solid-js'
import { useApp } from '../ui/app'
import { Dialog } from '../ui/Dialog'
import { verifyFile } from './verify'

/** Where the browser opens no window by itself, a button does. */
export function VerifyDialog(props: { readonly file: File; onClose(): void }): JSX.Element {
  const app = useApp()
  return (
    <Dialog title={app.text('play.verify')} onClose={() => { props.onClose() }}>
      <p>{app.text('play.verify.hint', { name: props.file.name })}</p>
      <div class="buttons">
        <button
          type="button"
          class="button primary"
          onClick={() => {
            verifyFile(props.file)
            props.onClose()
          }}
        >
          {app.text('play.verify')}
        </button>
      </div>
    </Dialog>
  )
}
