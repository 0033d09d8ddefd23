import { Show, type JSX } from 'solid-js'
import { acceptSetup } from '../api/account'
import { useApp } from '../ui/app'
import { Card } from '../ui/Card'
import { NewAccountForm } from './NewAccountForm'

/** The first admin makes himself by the link that the server printed; the guard then leads to the second factor. */
export function Setup(): JSX.Element {
  const app = useApp()
  const token = app.router.takeFragment()
  return (
    <Card title={app.text('setup.title')} lead={app.text('setup.lead')}>
      <Show when={token !== ''} fallback={<p class="refusal">{app.text('setup.no_token')}</p>}>
        <NewAccountForm
          token={token}
          submit={app.text('setup.submit')}
          make={(account) => acceptSetup(app.client, account)}
        />
      </Show>
    </Card>
  )
}
