import { createSignal, Show, type JSX } from 'solid-js'
import { acceptInvitation, lookAtLink, resetPassword, type Offer } from '../api/account'
import { useApp } from '../ui/app'
import { Card } from '../ui/Card'
import { createAction } from '../ui/createAction'
import { createData } from '../ui/createData'
import { Field } from '../ui/Field'
import { Form, Refusal } from '../ui/Form'
import { NewAccountForm, SHORTEST_PASSWORD } from './NewAccountForm'

/** An invitation, or the link by which somebody sets a new password. */
export function Invitation(): JSX.Element {
  const app = useApp()
  const token = app.router.takeFragment()
  const offer = createData(
    () => token,
    (given) => lookAtLink(app.client, given),
  )
  const title = () => app.text(offer.value()?.login ? 'reset.title' : 'invitation.title')
  const lead = () => {
    const found = offer.value()
    if (found === undefined) return undefined
    if (found.login !== null) return app.text('reset.lead', { login: found.login })
    const home = found.home === '' ? app.text('home.platform') : found.home
    return app.text('invitation.lead', { role: found.role, home })
  }
  return (
    <Card title={title()} lead={lead()}>
      <Refusal error={offer.error()} />
      <Show when={offer.value()}>{(found) => <Accept token={token} offer={found()} />}</Show>
    </Card>
  )
}

function Accept(props: { readonly token: string; readonly offer: Offer }): JSX.Element {
  const app = useApp()
  return (
    <Show
      when={props.offer.login === null}
      fallback={<NewPassword token={props.token} />}
    >
      <NewAccountForm
        token={props.token}
        home={props.offer.home}
        submit={app.text('invitation.submit')}
        make={(account) => acceptInvitation(app.client, account)}
      />
    </Show>
  )
}

function NewPassword(props: { readonly token: string }): JSX.Element {
  const app = useApp()
  const [password, setPassword] = createSignal('')
  const [again, setAgain] = createSignal('')
  const differs = () => again() !== '' && again() !== password()

  const action = createAction(async () => {
    await resetPassword(app.client, props.token, password())
    // The second factor stays, so one signs in as always.
    app.router.go('/sign-in', true)
  })

  return (
    <Form action={action} submit={app.text('reset.submit')} disabled={again() !== password()}>
      <Field
        label={app.text('field.password.new')}
        hint={app.text('field.password.hint', { least: SHORTEST_PASSWORD })}
        value={password()}
        onInput={setPassword}
        type="password"
        autocomplete="new-password"
        required
        focus
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
