import { createSignal, type JSX } from 'solid-js'
import { useApp } from '../ui/app'
import { Check } from '../ui/Field'
import { SecretBox } from '../ui/SecretBox'

/** The codes for the day the telephone is lost. One goes on once one has said that they are kept. */
export function RecoveryCodes(props: { readonly codes: readonly string[]; onDone(): void }): JSX.Element {
  const app = useApp()
  const [kept, setKept] = createSignal(false)
  return (
    <>
      <p>{app.text('codes.lead')}</p>
      <SecretBox label={app.text('codes.label')} text={props.codes.join('\n')} file="vms-recovery-codes.txt" />
      <Check label={app.text('codes.kept')} checked={kept()} onChange={setKept} />
      <div class="buttons">
        <button type="button" class="button primary" disabled={!kept()} onClick={() => { props.onDone() }}>
          {app.text('codes.done')}
        </button>
      </div>
    </>
  )
}
