import { createSignal, Show, type JSX } from 'solid-js'
import { mayIn } from '../api/rights'
import { users } from '../api/people'
import type { User } from '../api/session'
import { useApp } from '../ui/app'
import { createAction } from '../ui/createAction'
import { createData, type Data } from '../ui/createData'
import { AskedButton } from '../ui/Dialog'
import { Check, Field } from '../ui/Field'
import { Form, Refusal } from '../ui/Form'
import { Page, Panel } from '../ui/Page'
import { SessionList } from '../ui/SessionList'
import { Grants } from './Grants'
import { LinkBox } from './LinkBox'

/** One user: who he is, how he signs in, what he may do. */
export function UserScreen(props: { readonly id?: string }): JSX.Element {
  const app = useApp()
  const data = createData(
    () => props.id ?? '',
    (id) => users.get(app.client, id),
  )
  return (
    <Page title={data.value()?.name ?? ''} back={{ to: '/users', label: app.text('nav.users') }}>
      <Refusal error={data.error()} />
      {/* Made anew for each version, so that the fields hold what the server does. */}
      <Show when={data.value()} keyed>
        {(user) => (
          <>
            <Details user={user} data={data} />
            <Access user={user} data={data} />
            <Grants kind="users" holder={user.id} home={user.home} />
          </>
        )}
      </Show>
    </Page>
  )
}

interface PartProps {
  readonly user: User
  readonly data: Data<User>
}

function Details(props: PartProps): JSX.Element {
  const app = useApp()
  /* eslint-disable solid/reactivity -- what the fields begin with */
  const [name, setName] = createSignal(props.user.name)
  const [login, setLogin] = createSignal(props.user.login)
  const [email, setEmail] = createSignal(props.user.email)
  const [enabled, setEnabled] = createSignal(props.user.enabled)
  /* eslint-enable solid/reactivity */
  const manages = () => mayIn(app.me(), 'user.manage', props.user.home)
  const action = createAction(async () => {
    const change = { name: name().trim(), login: login().trim(), email: email().trim(), enabled: enabled() }
    props.data.set(await users.change(app.client, props.user, change))
  })
  return (
    <Panel title={app.text('users.details')}>
      <Form action={action} submit={app.text('form.save')} onReload={props.data.reload} disabled={!manages()}>
        <div class="columns">
          <Field label={app.text('field.name')} value={name()} onInput={setName} required />
          <Field label={app.text('field.login')} value={login()} onInput={setLogin} maxlength={64} required />
          <Field label={app.text('field.email')} value={email()} onInput={setEmail} type="email" />
        </div>
        <Check
          label={app.text('users.enabled')}
          hint={app.text('users.enabled.hint')}
          checked={enabled()}
          onChange={setEnabled}
        />
      </Form>
    </Panel>
  )
}

function Access(props: PartProps): JSX.Element {
  const app = useApp()
  const [link, setLink] = createSignal<string>()
  const sessions = createData(
    () => props.user.id,
    (id) => users.sessions(app.client, id),
  )
  const manages = () => mayIn(app.me(), 'user.manage', props.user.home)
  return (
    <Show when={manages()}>
      <Panel title={app.text('users.access')}>
        <p>{app.text(props.user.second_factor ? 'users.two_factors.long' : 'users.one_factor.long')}</p>
        <div class="buttons">
          <AskedButton
            label={app.text('users.password_link')}
            question={app.text('users.password_link.ask')}
            onAct={() =>
              users.resetPassword(app.client, props.user.id).then(({ token }) => {
                setLink(token)
              })
            }
          />
          <Show when={props.user.second_factor}>
            <AskedButton
              label={app.text('users.reset_factor')}
              question={app.text('users.reset_factor.ask')}
              danger
              onAct={() =>
                users.resetSecondFactor(app.client, props.user.id).then(props.data.reload)
              }
            />
          </Show>
          <AskedButton
            label={app.text('users.delete')}
            question={app.text('users.delete.ask', { name: props.user.name })}
            danger
            onAct={() =>
              users.delete(app.client, props.user).then(() => {
                app.router.go('/users')
              })
            }
          />
        </div>
        <Show when={link()}>{(token) => <LinkBox token={token()} />}</Show>
        <SessionList
          sessions={sessions.value() ?? []}
          error={sessions.error()}
          onChanged={sessions.reload}
          endAll={() => users.endSessions(app.client, props.user.id)}
        />
      </Panel>
    </Show>
  )
}
