import { createSignal, Show, type JSX } from 'solid-js'
import { cities } from '../api/cities'
import { shownCnpj } from '../lib/cnpj'
import { useApp } from '../ui/app'
import { createPages } from '../ui/createData'
import { Field } from '../ui/Field'
import { List } from '../ui/List'
import { CitiesPage } from './CitiesPage'

/** The cities one may see. */
export function Cities(): JSX.Element {
  const app = useApp()
  const [text, setText] = createSignal('')
  const pages = createPages(
    () => text().trim(),
    (asked, cursor) => cities.page(app.client, { text: asked, cursor }),
  )
  return (
    <CitiesPage
      actions={
        <Show when={app.may('city.manage')}>
          <a class="button primary" href="/cities/new">
            {app.text('cities.new')}
          </a>
        </Show>
      }
    >
      <div class="filters">
        <Field label={app.text('list.search')} value={text()} onInput={setText} type="search" />
      </div>
      <List
        label={app.text('nav.cities')}
        pages={pages}
        empty={app.text('cities.none')}
        columns={[
          {
            title: app.text('field.name'),
            cell: (city) => (
              <>
                <a href={`/cities/${city.id}`}>{city.name}</a>
                <small>{city.id}</small>
              </>
            ),
          },
          { title: 'CNPJ', class: 'time', cell: (city) => (city.cnpj === null ? '–' : shownCnpj(city.cnpj)) },
          { title: app.text('cities.plan'), cell: (city) => city.plan },
          {
            title: app.text('users.state'),
            cell: (city) => (
              <span class="tag" classList={{ warn: city.state === 'suspended' }}>
                {app.text(city.state === 'active' ? 'cities.active' : 'cities.suspended')}
              </span>
            ),
          },
        ]}
      />
    </CitiesPage>
  )
}
