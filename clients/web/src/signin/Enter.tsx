import { onMount, Show, type JSX } from 'solid-js'
import { useApp } from '../ui/app'
import { Card } from '../ui/Card'
import { createAction } from '../ui/createAction'
import { Refusal } from '../ui/Form'

/** Signs somebody in by a link for one use; the guard then leads to the wall. */
export function Enter(): JSX.Element {
  const app = useApp()
  const token = app.router.takeFragment()
  const entering = createAction(() => app.session.enter(token))
  onMount(() => {
    if (token !== '') void entering.run()
  })
  return (
    <Card title={app.text('enter.title')}>
      <Show when={token !== ''} fallback={<p class="refusal">{app.text('setup.no_token')}</p>}>
        <Refusal error={entering.error()} />
        <Show when={entering.error() !== undefined}>
          <p>
            <a href="/sign-in">{app.text('enter.by_hand')}</a>
          </p>
        </Show>
      </Show>
    </Card>
  )
}
