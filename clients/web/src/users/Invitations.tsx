import { Show, type JSX } from 'solid-js'
import { invitations } from '../api/people'
import { useApp } from '../ui/app'
import { createHome } from '../ui/createHome'
import { createPages } from '../ui/createData'
import { AskedButton } from '../ui/Dialog'
import { HomeFilter } from '../ui/HomeFilter'
import { List } from '../ui/List'
import { ScopeText } from '../ui/RoleAndScope'
import { UsersPage } from './UsersPage'

/** Links that are open: invitations, and those by which somebody sets a new password. */
export function Invitations(): JSX.Element {
  const app = useApp()
  const home = createHome()
  const pages = createPages(
    () => (home.city() === '' ? undefined : home.city()),
    (city, cursor) => invitations.page(app.client, { home: city, cursor }),
  )
  return (
    <UsersPage
      actions={
        <Show when={app.may('user.manage')}>
          <a class="button primary" href="/users/invite">
            {app.text('users.invite')}
          </a>
        </Show>
      }
    >
      <div class="filters">
        <HomeFilter home={home} all={app.text('home.all')} />
      </div>
      <List
        label={app.text('users.links')}
        pages={pages}
        empty={app.text('links.none')}
        columns={[
          {
            title: app.text('links.for'),
            cell: (link) => (
              <>
                {link.user === null ? (
                  <>
                    {link.role} · <ScopeText scope={link.scope} />
                  </>
                ) : (
                  <a href={`/users/${link.user}`}>{app.text('links.password')}</a>
                )}
                <small>{link.note}</small>
              </>
            ),
          },
          { title: app.text('time.until'), class: 'time', cell: (link) => app.t().time(link.expires_us) },
          {
            title: '',
            class: 'actions',
            cell: (link) => (
              <AskedButton
                label={app.text('links.withdraw')}
                question={app.text('links.withdraw.ask')}
                onAct={() =>
                  invitations.withdraw(app.client, link.id).then(() => {
                    pages.reload()
                  })
                }
              />
            ),
          },
        ]}
      />
    </UsersPage>
  )
}
