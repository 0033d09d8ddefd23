import { Show, type JSX } from 'solid-js'
import { plans, QUOTAS } from '../api/cities'
import { useApp } from '../ui/app'
import { createPages } from '../ui/createData'
import { List } from '../ui/List'
import { CitiesPage } from './CitiesPage'

/** Limits under a name, for any number of cities. */
export function Plans(): JSX.Element {
  const app = useApp()
  const pages = createPages(
    () => undefined,
    async () => ({ items: await plans.all(app.client), next: null }),
  )
  return (
    <CitiesPage
      actions={
        <Show when={app.may('plan.manage')}>
          <a class="button primary" href="/cities/plans/new">
            {app.text('plans.new')}
          </a>
        </Show>
      }
    >
      <List
        label={app.text('plans.title')}
        pages={pages}
        empty={app.text('plans.none')}
        columns={[
          { title: app.text('field.name'), cell: (plan) => <a href={`/cities/plans/${plan.id}`}>{plan.name}</a> },
          ...QUOTAS.map((quota) => ({
            title: app.text(`quota.${quota}`),
            class: 'number' as const,
            cell: (plan: { readonly limits: Readonly<Partial<Record<typeof quota, number>>> }) => {
              const limit = plan.limits[quota]
              return limit === undefined ? '∞' : app.t().number(limit)
            },
          })),
        ]}
      />
    </CitiesPage>
  )
}
