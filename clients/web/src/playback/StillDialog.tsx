import { createSignal, Show, type JSX } from 'solid-js'
import { recording } from '../api/recording'
import type { StreamName } from '../api/streams'
import { useApp } from '../ui/app'
import { createAction } from '../ui/createAction'
import { Dialog } from '../ui/Dialog'
import { Field, Select } from '../ui/Field'
import { Form, Refusal } from '../ui/Form'
import { Cancel, createCases, type Chosen } from './TakeAway'

export interface StillDialogProps {
  readonly camera: Chosen
  readonly at: number
  readonly stream: StreamName
  /** Whose cases may keep it. */
  readonly city: string | undefined
  readonly time: (us: number) => string
  /** The moment of the frame that is kept. */
  onDone(us: number): void
  onClose(): void
}

/** Puts the picture of a moment into a case. */
export function StillDialog(props: StillDialogProps): JSX.Element {
  const app = useApp()
  const [of, setOf] = createSignal('')
  const [said, setSaid] = createSignal('')
  const cases = createCases(() => props.city, app.text('still.choose'))
  /** The first choice stands for none. */
  const hasNone = () => !cases.loading() && cases.error() === undefined && cases.choices().length === 1
  const action = createAction(async () => {
    const made = await recording.still(app.client, of(), { camera: props.camera.id, at_us: props.at, stream: props.stream, text: said().trim() })
    props.onDone(made.at_us)
  })
  return (
    <Dialog title={app.text('still.title')} onClose={() => { props.onClose() }}>
      <p>{`${props.camera.name} · ${props.time(props.at)}`}</p>
      <p>{app.text('still.hint')}</p>
      <Refusal error={cases.error()} />
      <Show when={hasNone()}>
        <p>
          {app.text('still.no_case')} <a href="/cases">{app.text('nav.cases')}</a>
        </p>
      </Show>
      <Form action={action} submit={app.text('hold.place')} disabled={of() === ''} more={<Cancel onClose={() => { props.onClose() }} />}>
        <Select label={app.text('hold.case')} value={of()} choices={cases.choices()} onChange={setOf} required />
        <Field label={app.text('bookmark.text')} value={said()} onInput={setSaid} hint={app.text('field.optional')} maxlength={1000} />
      </Form>
    </Dialog>
  )
}
