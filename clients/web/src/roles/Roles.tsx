import { Show, type JSX } from 'solid-js'
import { roles } from '../api/people'
import { useApp } from '../ui/app'
import { createPages } from '../ui/createData'
import { List } from '../ui/List'
import { Page } from '../ui/Page'

/** The shipped roles, and those that cities have made. */
export function Roles(): JSX.Element {
  const app = useApp()
  const pages = createPages(
    () => undefined,
    async () => ({ items: await roles.all(app.client), next: null }),
  )
  return (
    <Page
      title={app.text('nav.roles')}
      actions={
        <Show when={app.may('role.manage')}>
          <a class="button primary" href="/roles/new">
            {app.text('roles.new')}
          </a>
        </Show>
      }
    >
      <List
        label={app.text('nav.roles')}
        pages={pages}
        empty={app.text('roles.none')}
        columns={[
          { title: app.text('field.name'), cell: (role) => <a href={`/roles/${role.id}`}>{role.name}</a> },
          {
            title: app.text('roles.of'),
            cell: (role) =>
              role.shipped ? (
                <span class="tag">{app.text('roles.shipped')}</span>
              ) : role.home === '' ? (
                app.text('home.platform')
              ) : (
                role.home
              ),
          },
          { title: app.text('roles.functions'), class: 'number', cell: (role) => app.t().number(role.functions.length) },
        ]}
      />
    </Page>
  )
}
