import { For, Show, type JSX } from 'solid-js'
import { grants as api, type Grant, type HolderKind } from '../api/people'
import { useApp } from '../ui/app'
import { createAction } from '../ui/createAction'
import { createData } from '../ui/createData'
import { AskedButton } from '../ui/Dialog'
import { Form, Refusal } from '../ui/Form'
import { Panel } from '../ui/Page'
import { createGrant, createRoles, GrantFields, ScopeText } from '../ui/RoleAndScope'

export interface GrantsProps {
  readonly kind: HolderKind
  readonly holder: string
  readonly home: string
}

/** Which roles somebody has where. */
export function Grants(props: GrantsProps): JSX.Element {
  const app = useApp()
  const roles = createRoles()
  const list = createData(
    () => [props.kind, props.holder] as const,
    ([kind, holder]) => api.of(app.client, kind, holder),
  )
  // eslint-disable-next-line solid/reactivity -- a holder keeps his home
  const grant = createGrant(props.home)
  const action = createAction(async () => {
    const given = grant.grant()
    if (given === undefined) return
    await api.give(app.client, props.kind, props.holder, given)
    grant.setRole('')
    list.reload()
  })
  const named = (id: string) => roles().find((role) => role.id === id)?.name ?? id
  const isEmpty = () => list.value()?.length === 0

  return (
    <Panel title={app.text('grants.title')}>
      <Refusal error={list.error()} />
      <Show when={!isEmpty()} fallback={<p>{app.text('grants.none')}</p>}>
        <ul class="rows">
          <For each={list.value()}>
            {(one) => <Row grant={one} role={named(one.role)} onTaken={list.reload} />}
          </For>
        </ul>
      </Show>
      <Show when={app.may('user.manage')}>
        <Form action={action} submit={app.text('grants.give')} disabled={grant.grant() === undefined}>
          <GrantFields state={grant} roles={roles()} />
        </Form>
      </Show>
    </Panel>
  )
}

function Row(props: { readonly grant: Grant; readonly role: string; readonly onTaken: () => void }): JSX.Element {
  const app = useApp()
  return (
    <li>
      <span>
        <b>{props.role}</b> · <ScopeText scope={props.grant.scope} />
      </span>
      <Show when={app.may('user.manage')}>
        <AskedButton
          label={app.text('grants.take')}
          question={app.text('grants.take.ask', { role: props.role })}
          onAct={() =>
            api.take(app.client, props.grant.id).then(props.onTaken)
          }
        />
      </Show>
    </li>
  )
}
