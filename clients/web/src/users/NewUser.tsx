import { createSignal, Show, type JSX } from 'solid-js'
import { users } from '../api/people'
import { useApp } from '../ui/app'
import { createAction } from '../ui/createAction'
import { createHome } from '../ui/createHome'
import { Field } from '../ui/Field'
import { Form } from '../ui/Form'
import { HomeFilter } from '../ui/HomeFilter'
import { Page, Panel } from '../ui/Page'
import { createGrant, createRoles, GrantFields } from '../ui/RoleAndScope'

/** A user whose first password somebody else chooses. */
export function NewUser(): JSX.Element {
  const app = useApp()
  const home = createHome()
  const roles = createRoles()
  const grant = createGrant(app.me()?.home ?? '')
  const [name, setName] = createSignal('')
  const [login, setLogin] = createSignal('')
  const [email, setEmail] = createSignal('')
  const [password, setPassword] = createSignal('')
  const action = createAction(async () => {
    const first = grant.grant()
    const user = await users.create(app.client, {
      login: login().trim(),
      name: name().trim(),
      email: email().trim(),
      password: password(),
      home: home.city(),
      grants: first === undefined ? [] : [first],
    })
    app.router.go(`/users/${user.id}`)
  })
  return (
    <Page title={app.text('users.new')} back={{ to: '/users', label: app.text('nav.users') }}>
      <Panel>
        <p>{app.text('users.new.hint')}</p>
        <Form action={action} submit={app.text('form.create')}>
          <div class="columns">
            <Field label={app.text('field.name')} value={name()} onInput={setName} required focus />
            <Field
              label={app.text('field.login')}
              hint={app.text('field.login.hint')}
              value={login()}
              onInput={setLogin}
              maxlength={64}
              required
            />
            <Field label={app.text('field.email')} value={email()} onInput={setEmail} type="email" />
            <Field
              label={app.text('field.password')}
              hint={app.text('field.password.hint', { least: 12 })}
              value={password()}
              onInput={setPassword}
              type="password"
              autocomplete="new-password"
              required
            />
            <HomeFilter home={home} all={app.text('home.platform')} />
          </div>
          <Show when={roles().length > 0}>
            <h2>{app.text('users.first_grant')}</h2>
            <GrantFields state={grant} roles={roles()} />
          </Show>
        </Form>
      </Panel>
    </Page>
  )
}
