import { createSignal, type JSX } from 'solid-js'
import type { NewAccount } from '../api/account'
import { useApp } from '../ui/app'
import { createAction } from '../ui/createAction'
import { Field } from '../ui/Field'
import { Form } from '../ui/Form'

export const SHORTEST_PASSWORD = 12

export interface NewAccountFormProps {
  readonly token: string
  /** The city the account will belong to; empty for the platform. */
  readonly home?: string
  readonly submit: string
  make(account: NewAccount): Promise<unknown>
}

/** Name, login and password of a new account; who made it is signed in with it at once. */
export function NewAccountForm(props: NewAccountFormProps): JSX.Element {
  const app = useApp()
  const [name, setName] = createSignal('')
  const [login, setLogin] = createSignal('')
  const [email, setEmail] = createSignal('')
  const [password, setPassword] = createSignal('')
  const [again, setAgain] = createSignal('')
  const differs = () => again() !== '' && again() !== password()

  const action = createAction(async () => {
    await props.make({
      token: props.token,
      login: login().trim(),
      name: name().trim(),
      email: email().trim(),
      password: password(),
      language: app.choice.language(),
    })
    try {
      await app.session.signIn(login().trim(), password(), props.home ?? '')
    } catch {
      // The account is made, so the link counts no more; signing in tells what is the matter.
      app.router.go('/sign-in', true)
    }
  })

  return (
    <Form action={action} submit={props.submit} disabled={again() !== password()}>
      <Field label={app.text('field.name')} value={name()} onInput={setName} autocomplete="name" required focus />
      <Field
        label={app.text('field.login')}
        hint={app.text('field.login.hint')}
        value={login()}
        onInput={setLogin}
        autocomplete="username"
        maxlength={64}
        required
      />
      <Field
        label={app.text('field.email')}
        value={email()}
        onInput={setEmail}
        type="email"
        autocomplete="email"
        hint={app.text('field.optional')}
      />
      <Field
        label={app.text('field.password')}
        hint={app.text('field.password.hint', { least: SHORTEST_PASSWORD })}
        value={password()}
        onInput={setPassword}
        type="password"
        autocomplete="new-password"
        required
      />
      <Field
        label={app.text('field.password.again')}
        error={differs() ? app.text('field.password.differs') : undefined}
        value={again()}
        onInput={setAgain}
        type="password"
        autocomplete="new-password"
        required
      />
    </Form>
  )
}
