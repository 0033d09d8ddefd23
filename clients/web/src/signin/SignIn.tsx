import { createSignal, Show, type JSX } from 'solid-js'
import { Problem } from '../api/problem'
import { useApp } from '../ui/app'
import { Card } from '../ui/Card'
import { createAction } from '../ui/createAction'
import { Field } from '../ui/Field'
import { Form } from '../ui/Form'

/** Login and password, then the code where a second factor is enrolled. */
export function SignIn(): JSX.Element {
  const app = useApp()
  const [ticket, setTicket] = createSignal<string>()
  return (
    <Show
      when={ticket()}
      fallback={
        <Card title={app.text('signin.title')}>
          <Password onTicket={setTicket} />
        </Card>
      }
    >
      {(given) => (
        <Card title={app.text('signin.code.title')} lead={app.text('signin.code.lead')}>
          <Code
            ticket={given()}
            onBack={() => {
              setTicket(undefined)
            }}
          />
        </Card>
      )}
    </Show>
  )
}

function Password(props: { onTicket(ticket: string): void }): JSX.Element {
  const app = useApp()
  const [login, setLogin] = createSignal('')
  const [password, setPassword] = createSignal('')
  const [city, setCity] = createSignal('')
  const [asksCity, setAsksCity] = createSignal(false)

  const action = createAction(async () => {
    try {
      const ticket = await app.session.signIn(login().trim(), password(), city().trim())
      if (ticket !== undefined) props.onTicket(ticket)
    } catch (error) {
      // A login may live in several cities; the server never tells which.
      if (error instanceof Problem && error.reason.code === 'sign_in_failed') setAsksCity(true)
      throw error
    }
  })

  return (
    <Form action={action} submit={app.text('signin.submit')}>
      <Field
        label={app.text('field.login')}
        value={login()}
        onInput={setLogin}
        autocomplete="username"
        required
        focus
      />
      <Field
        label={app.text('field.password')}
        value={password()}
        onInput={setPassword}
        type="password"
        autocomplete="current-password"
        required
      />
      <Show when={asksCity()}>
        <Field
          label={app.text('signin.city')}
          hint={app.text('signin.city.hint')}
          value={city()}
          onInput={setCity}
        />
      </Show>
    </Form>
  )
}

function Code(props: { readonly ticket: string; onBack(): void }): JSX.Element {
  const app = useApp()
  const [code, setCode] = createSignal('')
  const [recovery, setRecovery] = createSignal(false)

  const action = createAction(async () => {
    const given = code().trim()
    setCode('')
    try {
      await app.session.secondFactor(props.ticket, given)
    } catch (error) {
      // The password is asked for again after five minutes or too many codes.
      if (error instanceof Problem && error.reason.code === 'ticket_invalid') props.onBack()
      throw error
    }
  })

  function other(): void {
    setRecovery((now) => !now)
    setCode('')
    action.forget()
  }

  return (
    <Form
      action={action}
      submit={app.text('signin.submit')}
      more={
        <button type="button" class="button plain" onClick={other}>
          {app.text(recovery() ? 'signin.use_app' : 'signin.use_recovery')}
        </button>
      }
    >
      <Show
        when={recovery()}
        fallback={
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
        }
      >
        <Field
          label={app.text('field.recovery_code')}
          value={code()}
          onInput={setCode}
          maxlength={32}
          required
          focus
        />
      </Show>
    </Form>
  )
}
