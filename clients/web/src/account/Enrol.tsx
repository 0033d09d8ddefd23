import { createSignal, Show, type JSX } from 'solid-js'
import { beginTotp, confirmTotp } from '../api/account'
import { useApp } from '../ui/app'
import { createAction } from '../ui/createAction'
import { createData } from '../ui/createData'
import { Field } from '../ui/Field'
import { Form, Refusal } from '../ui/Form'
import { QrCode } from '../ui/QrCode'
import { RecoveryCodes } from './RecoveryCodes'

/** From the code on the screen to the app on the telephone, proved by six digits; then the recovery codes. */
export function Enrol(props: { onDone(): void }): JSX.Element {
  const app = useApp()
  const [code, setCode] = createSignal('')
  const [codes, setCodes] = createSignal<readonly string[]>()
  const enrolment = createData(
    () => undefined,
    () => beginTotp(app.client),
  )

  const action = createAction(async () => {
    const given = code().trim()
    setCode('')
    setCodes(await confirmTotp(app.client, given))
  })

  return (
    <Show
      when={codes()}
      fallback={
        <>
          <Refusal error={enrolment.error()} />
          <Show when={enrolment.value()}>
            {(found) => (
              <>
                <ol class="steps">
                  <li>{app.text('enrol.step.app')}</li>
                  <li>{app.text('enrol.step.scan')}</li>
                </ol>
                <QrCode text={found().url} label={app.text('enrol.qr')} />
                <p class="by-hand">
                  {app.text('enrol.by_hand')}
                  <code class="totp-secret">{grouped(found().secret)}</code>
                </p>
                <Form action={action} submit={app.text('enrol.submit')}>
                  <Field
                    label={app.text('field.code')}
                    value={code()}
                    onInput={setCode}
                    autocomplete="one-time-code"
                    inputmode="numeric"
                    maxlength={7}
                    required
                    focus
                  />
                </Form>
              </>
            )}
          </Show>
        </>
      }
    >
      {(found) => (
        <RecoveryCodes
          codes={found()}
          onDone={() => {
            props.onDone()
          }}
        />
      )}
    </Show>
  )
}

/** In fours, as people type it. */
function grouped(secret: string): string {
  return secret.replace(/.{4}(?=.)/g, '$& ')
}
