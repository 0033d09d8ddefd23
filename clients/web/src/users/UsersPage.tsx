import type { JSX } from 'solid-js'
import { useApp } from '../ui/app'
import { Page } from '../ui/Page'

/** The frame of the lists about people. */
export function UsersPage(props: { readonly actions?: JSX.Element; readonly children: JSX.Element }): JSX.Element {
  const app = useApp()
  return (
    <Page
      title={app.text('nav.users')}
      tabs={[
        { to: '/users', label: app.text('users.people') },
        { to: '/users/groups', label: app.text('users.groups') },
        { to: '/users/invitations', label: app.text('users.links') },
      ]}
      actions={props.actions}
    >
      {props.children}
    </Page>
  )
}
