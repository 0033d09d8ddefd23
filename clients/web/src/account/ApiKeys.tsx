import { createSignal, For, Show, type JSX } from 'solid-js'
import { apiKeys } from '../api/keys'
import { useApp } from '../ui/app'
import { createAction } from '../ui/createAction'
import { createData } from '../ui/createData'
import { AskedButton } from '../ui/Dialog'
import { Field } from '../ui/Field'
import { Form, Refusal } from '../ui/Form'
import { Panel } from '../ui/Page'
import { createGrant, createRoles, GrantFields, ScopeText } from '../ui/RoleAndScope'
import { SecretBox } from '../ui/SecretBox'

/** One's keys for programs: what they may is never more than one may oneself. */
export function ApiKeys(): JSX.Element {
  const app = useApp()
  const roles = createRoles()
  const grant = createGrant(app.me()?.home ?? '')
  const [name, setName] = createSignal('')
  const [days, setDays] = createSignal('90')
  const [token, setToken] = createSignal<string>()
  const list = createData(
    () => undefined,
    () => apiKeys.own(app.client),
  )
  const action = createAction(async () => {
    const given = grant.grant()
    if (given === undefined) return
    const made = await apiKeys.create(app.client, { ...given, name: name().trim(), days: Number(days()) })
    setToken(made.token)
    setName('')
    list.reload()
  })
  return (
    <Panel title={app.text('keys.api')}>
      <p>{app.text('keys.api.hint')}</p>
      <Refusal error={list.error()} />
      <ul class="rows">
        <For each={list.value()}>
          {(key) => (
            <li>
              <span>
                <b>{key.name}</b> · {key.role} · <ScopeText scope={key.scope} />
                <small>{app.text('keys.until', { time: app.t().time(key.expires_us) })}</small>
              </span>
              <AskedButton
                label={app.text('links.withdraw')}
                question={app.text('keys.withdraw.ask')}
                danger
                onAct={() =>
                  apiKeys.withdraw(app.client, key.id).then(() => {
                    list.reload()
                  })
                }
              />
            </li>
          )}
        </For>
      </ul>
      <Show when={token()}>{(text) => <SecretBox label={app.text('keys.api.once')} text={text()} />}</Show>
      <Form action={action} submit={app.text('keys.create')} disabled={grant.grant() === undefined}>
        <div class="columns">
          <Field label={app.text('field.name')} value={name()} onInput={setName} required />
          <Field label={app.text('keys.days')} value={days()} onInput={setDays} type="number" required />
        </div>
        <GrantFields state={grant} roles={roles()} />
      </Form>
    </Panel>
  )
}
