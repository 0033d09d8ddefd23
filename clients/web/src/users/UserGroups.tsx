import { Show, type JSX } from 'solid-js'
import { userGroups } from '../api/people'
import { useApp } from '../ui/app'
import { createHome } from '../ui/createHome'
import { createPages } from '../ui/createData'
import { HomeFilter } from '../ui/HomeFilter'
import { List } from '../ui/List'
import { UsersPage } from './UsersPage'

/** Groups of users that hold grants together. */
export function UserGroups(): JSX.Element {
  const app = useApp()
  const home = createHome()
  const pages = createPages(
    () => (home.city() === '' ? undefined : home.city()),
    (city, cursor) => userGroups.page(app.client, { home: city, cursor }),
  )
  return (
    <UsersPage
      actions={
        <Show when={app.may('user.manage')}>
          <a class="button primary" href="/users/groups/new">
            {app.text('groups.new')}
          </a>
        </Show>
      }
    >
      <div class="filters">
        <HomeFilter home={home} all={app.text('home.all')} />
      </div>
      <List
        label={app.text('users.groups')}
        pages={pages}
        empty={app.text('groups.none')}
        columns={[
          { title: app.text('field.name'), cell: (group) => <a href={`/users/groups/${group.id}`}>{group.name}</a> },
          { title: app.text('field.city'), cell: (group) => (group.home === '' ? app.text('home.platform') : group.home) },
          { title: app.text('groups.members'), class: 'number', cell: (group) => app.t().number(group.members.length) },
        ]}
      />
    </UsersPage>
  )
}
