import { createSignal, Show, type JSX } from 'solid-js'
import { users } from '../api/people'
import type { User } from '../api/session'
import { useApp } from '../ui/app'
import { createHome } from '../ui/createHome'
import { createPages } from '../ui/createData'
import { Field } from '../ui/Field'
import { HomeFilter } from '../ui/HomeFilter'
import { List } from '../ui/List'
import { UsersPage } from './UsersPage'

/** The people of a city, or of all. */
export function Users(): JSX.Element {
  const app = useApp()
  const home = createHome()
  const [text, setText] = createSignal('')
  const pages = createPages(
    () => ({ text: text().trim(), home: home.city() === '' ? undefined : home.city() }),
    (asked, cursor) => users.page(app.client, { ...asked, cursor }),
  )
  return (
    <UsersPage
      actions={
        <Show when={app.may('user.manage')}>
          <a class="button" href="/users/invite">
            {app.text('users.invite')}
          </a>
          <a class="button primary" href="/users/new">
            {app.text('users.new')}
          </a>
        </Show>
      }
    >
      <div class="filters">
        <Field label={app.text('list.search')} value={text()} onInput={setText} type="search" />
        <HomeFilter home={home} all={app.text('home.all')} />
      </div>
      <List
        label={app.text('users.people')}
        pages={pages}
        empty={app.text('users.none')}
        columns={[
          { title: app.text('field.name'), cell: (user) => <NameCell user={user} /> },
          { title: app.text('field.city'), cell: (user) => (user.home === '' ? app.text('home.platform') : user.home) },
          { title: app.text('users.state'), cell: (user) => <StateCell user={user} /> },
          {
            title: app.text('users.signed_in'),
            class: 'time',
            cell: (user) => (user.signed_in_us === null ? app.text('time.never') : app.t().time(user.signed_in_us)),
          },
        ]}
      />
    </UsersPage>
  )
}

function NameCell(props: { readonly user: User }): JSX.Element {
  return (
    <>
      <a href={`/users/${props.user.id}`}>{props.user.name}</a>
      <small>{props.user.login}</small>
    </>
  )
}

function StateCell(props: { readonly user: User }): JSX.Element {
  const app = useApp()
  return (
    <span class="tags">
      <Show when={!props.user.enabled}>
        <span class="tag warn">{app.text('users.disabled')}</span>
      </Show>
      <span class="tag">{app.text(props.user.second_factor ? 'users.two_factors' : 'users.one_factor')}</span>
    </span>
  )
}
