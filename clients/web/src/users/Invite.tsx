import { createSignal, Show, type JSX } from 'solid-js'
import { invitations } from '../api/people'
import { useApp } from '../ui/app'
import { createAction } from '../ui/createAction'
import { Field } from '../ui/Field'
import { Form } from '../ui/Form'
import { Page, Panel } from '../ui/Page'
import { createGrant, createRoles, GrantFields } from '../ui/RoleAndScope'
import { LinkBox } from './LinkBox'

/** A link by which somebody becomes a user with a role; nobody else knows his password. */
export function Invite(): JSX.Element {
  const app = useApp()
  const roles = createRoles()
  const grant = createGrant(app.me()?.home ?? '')
  const [note, setNote] = createSignal('')
  const [token, setToken] = createSignal<string>()
  const action = createAction(async () => {
    const given = grant.grant()
    if (given !== undefined) setToken((await invitations.create(app.client, { ...given, note: note().trim() })).token)
  })
  return (
    <Page title={app.text('users.invite')} back={{ to: '/users/invitations', label: app.text('users.links') }}>
      <Panel>
        <Show
          when={token()}
          fallback={
            <>
              <p>{app.text('invite.hint')}</p>
              <Form action={action} submit={app.text('invite.submit')} disabled={grant.grant() === undefined}>
                <GrantFields state={grant} roles={roles()} />
                <Field
                  label={app.text('invite.note')}
                  hint={app.text('field.optional')}
                  value={note()}
                  onInput={setNote}
                />
              </Form>
            </>
          }
        >
          {(found) => <LinkBox token={found()} />}
        </Show>
      </Panel>
    </Page>
  )
}
