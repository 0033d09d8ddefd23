import type { JSX } from 'solid-js'
import { useApp } from '../ui/app'
import { Dialog } from '../ui/Dialog'
import { VERIFIER } from '../ui/ExportList'

/** Where a file that was dropped here is verified: by a page of its own, which sends it nowhere. */
export function VerifyDialog(props: { readonly file: string; onClose(): void }): JSX.Element {
  const app = useApp()
  return (
    <Dialog title={app.text('play.verify')} onClose={() => { props.onClose() }}>
      <p>{app.text('play.verify.hint', { name: props.file })}</p>
      <div class="buttons">
        <a class="button primary" href={VERIFIER} download="verify.html">
          {app.text('play.verify.save')}
        </a>
        <button type="button" class="button plain" onClick={() => { props.onClose() }}>
          {app.text('help.close')}
        </button>
      </div>
    </Dialog>
  )
}
