import { createSignal, For, Show, type JSX } from 'solid-js'
import { streamKeys, type NewStreamKey } from '../api/keys'
import { useApp } from '../ui/app'
import { createAction } from '../ui/createAction'
import { createData } from '../ui/createData'
import { AskedButton } from '../ui/Dialog'
import { Check, Field, Select } from '../ui/Field'
import { Form, Refusal } from '../ui/Form'
import { Panel } from '../ui/Page'
import { createScope, ScopeFields, ScopeText } from '../ui/RoleAndScope'
import { SecretBox } from '../ui/SecretBox'

type Purpose = 'view' | 'publish'

/** One's keys for players and for cameras that call: the id is the user name, the secret the password. */
export function StreamKeys(): JSX.Element {
  const app = useApp()
  const scope = createScope(app.me()?.home ?? '')
  const [name, setName] = createSignal('')
  const [days, setDays] = createSignal('365')
  const [audio, setAudio] = createSignal(false)
  const [playback, setPlayback] = createSignal(false)
  const [purpose, setPurpose] = createSignal<Purpose>('view')
  const [made, setMade] = createSignal<NewStreamKey>()
  const list = createData(
    () => undefined,
    () => streamKeys.own(app.client),
  )
  const action = createAction(async () => {
    const where = scope.scope()
    if (where === undefined) return
    const publish = purpose() === 'publish'
    const view = publish ? { audio: false, playback: false } : { audio: audio(), playback: playback() }
    const body = { name: name().trim(), scope: where, days: Number(days()), ...view, publish }
    setMade(await streamKeys.create(app.client, body))
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
                <Show when={key.publish}>
                  {' '}
                  <span class="tag">{app.text('keys.publishes')}</span>
                </Show>
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
      <Show when={made()}>{(key) => <Made made={key()} />}</Show>
      <Form action={action} submit={app.text('keys.create')} disabled={scope.scope() === undefined}>
        <div class="columns">
          <Field label={app.text('field.name')} value={name()} onInput={setName} required />
          <Field label={app.text('keys.days')} value={days()} onInput={setDays} type="number" required />
          <Select
            label={app.text('keys.purpose')}
            value={purpose()}
            choices={[
              { value: 'view', label: app.text('keys.purpose.view') },
              { value: 'publish', label: app.text('keys.purpose.publish') },
            ]}
            onChange={(next) => { setPurpose(next as Purpose) }}
          />
          <ScopeFields state={scope} />
        </div>
        <Show when={purpose() === 'view'} fallback={<p>{app.text('keys.publish.hint')}</p>}>
          <Check label={app.text('keys.audio')} checked={audio()} onChange={setAudio} />
          <Check label={app.text('keys.playback')} checked={playback()} onChange={setPlayback} />
        </Show>
      </Form>
    </Panel>
  )
}

/** A new key: what a player asks for, and for an encoder whole addresses. */
function Made(props: { readonly made: NewStreamKey }): JSX.Element {
  const app = useApp()
  return (
    <>
      <SecretBox label={app.text('keys.stream.once')} text={`${props.made.key.id}\n${props.made.secret}`} />
      <For each={props.made.publish_to}>
        {(to) => (
          <SecretBox
            label={app.text('keys.publish.once', {
              protocol: to.protocol.toUpperCase(),
              stream: app.text(`stream.${to.stream}`),
            })}
            text={to.bearer === null ? to.address : `${to.address}\n${to.bearer}`}
          />
        )}
      </For>
    </>
  )
}
