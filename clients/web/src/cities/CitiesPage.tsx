import type { JSX } from 'solid-js'
import { useApp } from '../ui/app'
import { Page } from '../ui/Page'

/** The frame of the lists about cities. */
export function CitiesPage(props: { readonly actions?: JSX.Element; readonly children: JSX.Element }): JSX.Element {
  const app = useApp()
  return (
    <Page
      title={app.text('nav.cities')}
      tabs={[
        { to: '/cities', label: app.text('nav.cities') },
        { to: '/cities/plans', label: app.text('plans.title') },
      ]}
      actions={props.actions}
    >
      {props.children}
    </Page>
  )
}
