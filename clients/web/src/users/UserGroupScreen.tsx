import { createSignal, For, Show, type JSX } from 'solid-js'
import { userGroups, users, type UserGroup } from '../api/people'
import { useApp } from '../ui/app'
import { createAction } from '../ui/createAction'
import { createData } from '../ui/createData'
import { createHome } from '../ui/createHome'
import { AskedButton } from '../ui/Dialog'
import { Check, Field } from '../ui/Field'
import { Form, Refusal } from '../ui/Form'
import { HomeFilter } from '../ui/HomeFilter'
import { Page, Panel } from '../ui/Page'
import { Grants } from './Grants'

/** One group of users, or a new one: its name and who is in it. */
export function UserGroupScreen(props: { readonly id?: string }): JSX.Element {
  const app = useApp()
  const data = createData(
    () => props.id,
    (id) => (id === undefined ? Promise.resolve(undefined) : userGroups.get(app.client, id)),
  )
  const title = () => data.value()?.name ?? (props.id === undefined ? app.text('groups.new') : '')
  return (
    <Page title={title()} back={{ to: '/users/groups', label: app.text('users.groups') }}>
      <Refusal error={data.error()} />
      <Show when={props.id === undefined}>
        <GroupForm group={undefined} onSaved={(group) => { app.router.go(`/users/groups/${group.id}`) }} />
      </Show>
      <Show when={data.value()} keyed>
        {(group) => (
          <>
            <GroupForm group={group} onSaved={data.set} onReload={data.reload} />
            <Grants kind="user-groups" holder={group.id} home={group.home} />
          </>
        )}
      </Show>
    </Page>
  )
}

interface GroupFormProps {
  readonly group: UserGroup | undefined
  onSaved(group: UserGroup): void
  readonly onReload?: () => void
}

function GroupForm(props: GroupFormProps): JSX.Element {
  const app = useApp()
  const home = createHome()
  /* eslint-disable solid/reactivity -- what the fields begin with */
  const before = props.group
  const [name, setName] = createSignal(before?.name ?? '')
  const [members, setMembers] = createSignal<readonly string[]>(before?.members ?? [])
  /* eslint-enable solid/reactivity */
  const people = createData(
    () => props.group?.home ?? home.city(),
    (city) => users.all(app.client, city),
  )
  const action = createAction(async () => {
    const body = { name: name().trim(), members: members() }
    props.onSaved(
      before === undefined
        ? await userGroups.create(app.client, { ...body, home: home.city() })
        : await userGroups.change(app.client, before, body),
    )
  })

  function toggle(id: string, inside: boolean): void {
    setMembers((now) => (inside ? [...now, id] : now.filter((one) => one !== id)))
  }

  return (
    <Panel title={app.text('users.details')}>
      <Form
        action={action}
        submit={app.text(props.group === undefined ? 'form.create' : 'form.save')}
        onReload={props.onReload}
        more={
          <Show when={props.group}>
            {(group) => (
              <AskedButton
                label={app.text('groups.delete')}
                question={app.text('groups.delete.ask')}
                danger
                onAct={() =>
                  userGroups.delete(app.client, group()).then(() => {
                    app.router.go('/users/groups')
                  })
                }
              />
            )}
          </Show>
        }
      >
        <div class="columns">
          <Field label={app.text('field.name')} value={name()} onInput={setName} required />
          <Show when={props.group === undefined}>
            <HomeFilter home={home} all={app.text('home.platform')} />
          </Show>
        </div>
        <span class="legend">{app.text('groups.members')}</span>
        <Refusal error={people.error()} />
        <div class="functions">
          <For each={people.value()}>
            {(user) => (
              <Check
                label={user.name}
                hint={user.login}
                checked={members().includes(user.id)}
                onChange={(inside) => {
                  toggle(user.id, inside)
                }}
              />
            )}
          </For>
        </div>
      </Form>
    </Panel>
  )
}
