import { createSignal, For, Show, type JSX } from 'solid-js'
import { streamKeys } from '../api/keys'
import { useApp } from '../ui/app'
import { createAction } from '../ui/createAction'
import { createData } from '../ui/createData'
import { AskedButton } from '../ui/Dialog'
import { Check, Field } from '../ui/Field'
import { Form, Refusal } from '../ui/Form'
import { Panel } from '../ui/Page'
import { createScope, ScopeFields, ScopeText } from '../ui/RoleAndScope'
import { SecretBox } from '../ui/SecretBox'

/** One's keys for players that speak RTSP: the id is the user name, the secret the password. */
export function StreamKeys(): JSX.Element {
  const app = useApp()
  const scope = createScope(app.me()?.home ?? '')
  const [name, setName] = createSignal('')
  const [days, setDays] = createSignal('365')
  const [audio, setAudio] = createSignal(false)
  const [login, setLogin] = createSignal<string>()
  const list = createData(
    () => undefined,
    () => streamKeys.own(app.client),
  )
  const action = createAction(async () => {
    const where = scope.scope()
    if (where === undefined) return
    const body = { name: name().trim(), scope: where, days: Number(days()), audio: audio() }
    const { key, secret } = await streamKeys.create(app.client, body)
    setLogin(`${key.id}\n${secret}`)
    setName('')
    list.reload()
  })
  return (
    <Panel title={app.text('keys.stream')}>
      <p>{app.text('keys.stream.hint')}</p>
      <Refusal error={list.error()} />
      <ul class="rows">
        <For each={list.value()}>
          {(key) => (
            <li>
              <span>
                <b>{key.name}</b> · <ScopeText scope={key.scope} />
                <small>{app.text('keys.until', { time: app.t().time(key.expires_us) })}</small>
              </span>
              <AskedButton
                label={app.text('links.withdraw')}
                question={app.text('keys.withdraw.ask')}
                danger
                onAct={() =>
                  streamKeys.withdraw(app.client, key.id).then(() => {
                    list.reload()
                  })
                }
              />
            </li>
          )}
        </For>
      </ul>
      <Show when={login()}>{(text) => <SecretBox label={app.text('keys.stream.once')} text={text()} />}</Show>
      <Form action={action} submit={app.text('keys.create')} disabled={scope.scope() === undefined}>
        <div class="columns">
          <Field label={app.text('field.name')} value={name()} onInput={setName} required />
          <Field label={app.text('keys.days')} value={days()} onInput={setDays} type="number" required />
          <ScopeFields state={scope} />
        </div>
        <Check label={app.text('keys.audio')} checked={audio()} onChange={setAudio} />
      </Form>
    </Panel>
  )
}
