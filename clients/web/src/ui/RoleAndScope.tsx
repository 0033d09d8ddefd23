import { createMemo, createSignal, Show, type Accessor, type JSX } from 'solid-js'
import { cameras } from '../api/cameras'
import { cameraGroups, cities as cityApi } from '../api/cities'
import { roles as roleApi, type GrantDraft, type Role } from '../api/people'
import { useApp } from './app'
import { createData } from './createData'
import { Select, type Choice } from './Field'

type Kind = 'platform' | 'city' | 'group' | 'camera'

/** Roles by their ids, of all homes that one sees. */
export function createRoles(): Accessor<readonly Role[]> {
  const app = useApp()
  const list = createData(
    () => undefined,
    () => roleApi.all(app.client),
  )
  return () => list.value() ?? []
}

export interface ScopeState {
  /** As the API writes it; undefined until all of it is chosen. */
  readonly scope: Accessor<string | undefined>
  readonly kind: Accessor<Kind>
  readonly setKind: (kind: Kind) => void
  readonly city: Accessor<string>
  readonly setCity: (city: string) => void
  readonly part: Accessor<string>
  readonly setPart: (part: string) => void
  readonly hasPlatform: boolean
}

/** A scope that is being chosen: first how wide it is, then where. */
export function createScope(home: string): ScopeState {
  const [kind, setKind] = createSignal<Kind>('city')
  const [city, setCity] = createSignal(home)
  const [part, setPart] = createSignal('')
  const scope = () => {
    if (kind() === 'platform') return 'platform'
    if (city() === '') return undefined
    if (kind() === 'city') return `city:${city()}`
    return part() === '' ? undefined : `${kind()}:${city()}/${part()}`
  }
  return {
    scope,
    kind,
    city,
    part,
    hasPlatform: home === '',
    setKind(next) {
      setKind(next)
      setPart('')
    },
    setCity(next) {
      setCity(next)
      setPart('')
    },
    setPart,
  }
}

/** How wide, and where. */
export function ScopeFields(props: { readonly state: ScopeState }): JSX.Element {
  const app = useApp()
  const kinds = (): readonly Kind[] => (props.state.hasPlatform ? ['platform', 'city', 'group', 'camera'] : ['city', 'group', 'camera'])
  const cities = createData(
    () => props.state.hasPlatform,
    (all) => (all ? cityApi.all(app.client) : Promise.resolve([])),
  )
  const parts = createData(
    () => [props.state.kind(), props.state.city()] as const,
    ([kind, city]): Promise<readonly { readonly id: string; readonly name: string }[]> => {
      if (city === '') return Promise.resolve([])
      if (kind === 'group') return cameraGroups.all(app.client, city)
      return kind === 'camera' ? cameras.all(app.client, city) : Promise.resolve([])
    },
  )
  const choices = (items: readonly { readonly id: string; readonly name: string }[] | undefined): Choice[] => [
    { value: '', label: app.text('choose.one') },
    ...(items ?? []).map(({ id, name }) => ({ value: id, label: name })),
  ]
  const narrow = () => props.state.kind() === 'group' || props.state.kind() === 'camera'
  return (
    <>
      <Select
        label={app.text('scope.kind')}
        value={props.state.kind()}
        choices={kinds().map((kind) => ({ value: kind, label: app.text(`scope.${kind}`) }))}
        onChange={(kind) => {
          props.state.setKind(kind as Kind)
        }}
      />
      <Show when={props.state.hasPlatform && props.state.kind() !== 'platform'}>
        <Select
          label={app.text('scope.city')}
          value={props.state.city()}
          choices={choices(cities.value())}
          onChange={(city) => {
            props.state.setCity(city)
          }}
        />
      </Show>
      <Show when={narrow()}>
        <Select
          label={app.text(props.state.kind() === 'group' ? 'scope.group' : 'scope.camera')}
          value={props.state.part()}
          choices={choices(parts.value())}
          onChange={(part) => {
            props.state.setPart(part)
          }}
        />
      </Show>
    </>
  )
}

export interface GrantState {
  readonly grant: Accessor<GrantDraft | undefined>
  readonly role: Accessor<string>
  readonly setRole: (role: string) => void
  readonly scope: ScopeState
}

/** A role in a scope that is being chosen. */
export function createGrant(home: string): GrantState {
  const [role, setRole] = createSignal('')
  const scope = createScope(home)
  const grant = createMemo(() => {
    const where = scope.scope()
    return role() === '' || where === undefined ? undefined : { role: role(), scope: where }
  })
  return { grant, role, setRole, scope }
}

export function GrantFields(props: { readonly state: GrantState; readonly roles: readonly Role[] }): JSX.Element {
  const app = useApp()
  return (
    <div class="columns">
      <Select
        label={app.text('grant.role')}
        value={props.state.role()}
        choices={[
          { value: '', label: app.text('choose.one') },
          ...props.roles.map(({ id, name }) => ({ value: id, label: name })),
        ]}
        onChange={(role) => {
          props.state.setRole(role)
        }}
      />
      <ScopeFields state={props.state.scope} />
    </div>
  )
}

/** A scope in words; the name of a group or a camera is asked for. */
export function ScopeText(props: { readonly scope: string }): JSX.Element {
  const app = useApp()
  const parts = () => /^(\w+)(?::([^/]+)(?:\/(.+))?)?$/.exec(props.scope)
  const name = createData(
    () => props.scope,
    async () => {
      const [, kind, city = '', id = ''] = parts() ?? []
      if (kind === 'group') return (await cameraGroups.get(app.client, city, id)).name
      return kind === 'camera' ? (await cameras.get(app.client, id)).name : ''
    },
  )
  const text = () => {
    const [, kind = '', city = '', id = ''] = parts() ?? []
    if (kind === 'platform') return app.text('scope.platform')
    if (kind === 'city') return `${app.text('scope.city')} ${city}`
    // Who may not see it, or once it is gone, reads the id.
    const known = name.value() ?? ''
    return `${app.text(kind === 'group' ? 'scope.group' : 'scope.camera')} ${known === '' ? id : known} (${city})`
  }
  return <>{text()}</>
}
