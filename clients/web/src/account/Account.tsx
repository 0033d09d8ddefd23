import { createSignal, Show, type JSX } from 'solid-js'
import { changeMe, changePassword, endOtherSessions, listSessions, removeTotp, renewRecoveryCodes } from '../api/account'
import type { User } from '../api/session'
import { useApp } from '../ui/app'
import { createAction, type Action } from '../ui/createAction'
import { createData } from '../ui/createData'
import { Field } from '../ui/Field'
import { Form } from '../ui/Form'
import { Page, Panel } from '../ui/Page'
import { SecretBox } from '../ui/SecretBox'
import { SessionList } from '../ui/SessionList'
import { ApiKeys } from './ApiKeys'
import { StreamKeys } from './StreamKeys'

/** What one does to one's own account. */
export function Account(): JSX.Element {
  const app = useApp()
  const sessions = createData(
    () => undefined,
    () => listSessions(app.client),
  )
  return (
    <Page title={app.text('nav.account')}>
      <Show when={app.me()?.user} keyed>
        {(user) => (
          <>
            <Profile user={user} />
            <SecondFactor user={user} />
          </>
        )}
      </Show>
      <Password />
      <Panel>
        <SessionList
          sessions={sessions.value() ?? []}
          error={sessions.error()}
          onChanged={sessions.reload}
          endAll={() => endOtherSessions(app.client)}
        />
      </Panel>
      <StreamKeys />
      <ApiKeys />
    </Page>
  )
}

function Profile(props: { readonly user: User }): JSX.Element {
  const app = useApp()
  /* eslint-disable solid/reactivity -- what the fields begin with */
  const [name, setName] = createSignal(props.user.name)
  const [email, setEmail] = createSignal(props.user.email)
  /* eslint-enable solid/reactivity */
  const action = createAction(async () => {
    await changeMe(app.client, { name: name().trim(), email: email().trim() }, props.user.version)
    await app.session.reload()
  })
  return (
    <Panel title={app.text('users.details')} narrow>
      <p>{props.user.login}</p>
      <Form action={action} submit={app.text('form.save')} onReload={() => void app.session.reload()}>
        <Field label={app.text('field.name')} value={name()} onInput={setName} autocomplete="name" required />
        <Field label={app.text('field.email')} value={email()} onInput={setEmail} type="email" autocomplete="email" />
      </Form>
    </Panel>
  )
}

function Password(): JSX.Element {
  const app = useApp()
  const [current, setCurrent] = createSignal('')
  const [next, setNext] = createSignal('')
  const [again, setAgain] = createSignal('')
  const [done, setDone] = createSignal(false)
  const action = createAction(async () => {
    setDone(false)
    await changePassword(app.client, current(), next())
    setCurrent('')
    setNext('')
    setAgain('')
    setDone(true)
  })
  return (
    <Panel title={app.text('account.password')} narrow>
      <Form action={action} submit={app.text('account.password.submit')} disabled={next() !== again()}>
        <Field
          label={app.text('account.password.current')}
          value={current()}
          onInput={setCurrent}
          type="password"
          autocomplete="current-password"
          required
        />
        <Field
          label={app.text('field.password.new')}
          hint={app.text('field.password.hint', { least: 12 })}
          value={next()}
          onInput={setNext}
          type="password"
          autocomplete="new-password"
          required
        />
        <Field
          label={app.text('field.password.again')}
          error={again() !== '' && again() !== next() ? app.text('field.password.differs') : undefined}
          value={again()}
          onInput={setAgain}
          type="password"
          autocomplete="new-password"
          required
        />
        <Show when={done()}>
          <p class="done" role="status">
            {app.text('account.password.done')}
          </p>
        </Show>
      </Form>
    </Panel>
  )
}

function SecondFactor(props: { readonly user: User }): JSX.Element {
  const app = useApp()
  const [code, setCode] = createSignal('')
  const [codes, setCodes] = createSignal<readonly string[]>()
  const taken = () => {
    const given = code().trim()
    setCode('')
    return given
  }
  const renew = createAction(async () => setCodes(await renewRecoveryCodes(app.client, taken())))
  const remove = createAction(async () => {
    await removeTotp(app.client, taken())
    await app.session.reload()
  })
  /** One field for both: whichever was done last tells what became of it. */
  const both: Action = { ...renew, busy: () => renew.busy() || remove.busy(), error: () => renew.error() ?? remove.error() }
  return (
    <Panel title={app.text('signin.code.title')} narrow>
      <Show
        when={props.user.second_factor}
        fallback={
          <>
            <p>{app.text('enrol.lead')}</p>
            <div class="buttons">
              <a class="button primary" href="/account/second-factor">
                {app.text('account.enrol')}
              </a>
            </div>
          </>
        }
      >
        <p>{app.text('account.factor.on')}</p>
        <Form
          action={both}
          submit={app.text('account.codes')}
          more={
            <button
              type="button"
              class="button danger"
              disabled={both.busy() || code() === ''}
              onClick={() => {
                renew.forget()
                void remove.run()
              }}
            >
              {app.text('account.factor.remove')}
            </button>
          }
        >
          <Field
            label={app.text('field.code')}
            hint={app.text('account.factor.hint')}
            value={code()}
            onInput={setCode}
            autocomplete="one-time-code"
            inputmode="numeric"
            maxlength={32}
            required
          />
        </Form>
        <Show when={codes()}>
          {(found) => (
            <SecretBox label={app.text('codes.label')} text={found().join('\n')} file="vms-recovery-codes.txt" />
          )}
        </Show>
      </Show>
    </Panel>
  )
}
