import { createSignal, For, Show, type JSX } from 'solid-js'
import { roles, type Role } from '../api/people'
import { FUNCTION_GROUPS, functionsOf } from '../api/rights'
import { useApp } from '../ui/app'
import { createAction } from '../ui/createAction'
import { createData } from '../ui/createData'
import { createHome } from '../ui/createHome'
import { AskedButton } from '../ui/Dialog'
import { Check, Field } from '../ui/Field'
import { Form, Refusal } from '../ui/Form'
import { HomeFilter } from '../ui/HomeFilter'
import { Page, Panel } from '../ui/Page'

/** One role, or a new one: which functions it holds. Shipped ones can only be read. */
export function RoleScreen(props: { readonly id?: string }): JSX.Element {
  const app = useApp()
  const data = createData(
    () => props.id,
    (id) => (id === undefined ? Promise.resolve(undefined) : roles.get(app.client, id)),
  )
  const title = () => data.value()?.name ?? (props.id === undefined ? app.text('roles.new') : '')
  return (
    <Page title={title()} back={{ to: '/roles', label: app.text('nav.roles') }}>
      <Refusal error={data.error()} />
      <Show when={props.id === undefined}>
        <RoleForm role={undefined} onSaved={(role) => { app.router.go(`/roles/${role.id}`) }} />
      </Show>
      <Show when={data.value()} keyed>
        {(role) => <RoleForm role={role} onSaved={data.set} onReload={data.reload} />}
      </Show>
    </Page>
  )
}

interface RoleFormProps {
  readonly role: Role | undefined
  onSaved(role: Role): void
  readonly onReload?: () => void
}

function RoleForm(props: RoleFormProps): JSX.Element {
  const app = useApp()
  const home = createHome()
  /* eslint-disable solid/reactivity -- what the fields begin with */
  const before = props.role
  const [name, setName] = createSignal(before?.name ?? '')
  const [functions, setFunctions] = createSignal<readonly string[]>(before?.functions ?? [])
  /* eslint-enable solid/reactivity */
  const own = () => functionsOf(app.me())
  const fixed = () => props.role?.shipped === true || !app.may('role.manage')
  const action = createAction(async () => {
    const body = { name: name().trim(), functions: functions(), home: before?.home ?? home.city() }
    props.onSaved(await (before === undefined ? roles.create(app.client, body) : roles.change(app.client, before, body)))
  })

  function toggle(name: string, held: boolean): void {
    setFunctions((now) => (held ? [...now, name] : now.filter((one) => one !== name)))
  }

  return (
    <Panel>
      <Show when={props.role?.shipped}>
        <p>{app.text('roles.shipped.hint')}</p>
      </Show>
      <Form
        action={action}
        submit={app.text(props.role === undefined ? 'form.create' : 'form.save')}
        disabled={fixed()}
        onReload={props.onReload}
        more={
          <Show when={!fixed() && props.role}>
            {(role) => (
              <AskedButton
                label={app.text('roles.delete')}
                question={app.text('roles.delete.ask')}
                danger
                onAct={() =>
                  roles.delete(app.client, role()).then(() => {
                    app.router.go('/roles')
                  })
                }
              />
            )}
          </Show>
        }
      >
        <Show when={!fixed()}>
          <div class="columns">
            <Field label={app.text('field.name')} value={name()} onInput={setName} required />
            <Show when={props.role === undefined}>
              <HomeFilter home={home} all={app.text('home.platform')} />
            </Show>
          </div>
        </Show>
        <fieldset class="functions">
          <legend class="legend">{app.text('roles.functions')}</legend>
          <For each={FUNCTION_GROUPS}>
            {(group) => (
              <div>
                <For each={group}>
                  {(one) => (
                    <Check
                      label={app.text(`function.${one}`)}
                      hint={one}
                      checked={functions().includes(one)}
                      disabled={fixed() || (!own().has(one) && !functions().includes(one))}
                      onChange={(held) => {
                        toggle(one, held)
                      }}
                    />
                  )}
                </For>
              </div>
            )}
          </For>
        </fieldset>
      </Form>
    </Panel>
  )
}
