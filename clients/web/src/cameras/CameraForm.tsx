import { For, Show, type JSX } from 'solid-js'
import type { SetStoreFunction } from 'solid-js/store'
import { cameras, GENERIC, type Camera } from '../api/cameras'
import { cameraGroups, sites } from '../api/cities'
import { useApp } from '../ui/app'
import { createAction } from '../ui/createAction'
import { createData } from '../ui/createData'
import { createHome } from '../ui/createHome'
import { Check, Field, Select } from '../ui/Field'
import { Form, Refusal } from '../ui/Form'
import { HomeFilter } from '../ui/HomeFilter'
import { Panel } from '../ui/Page'
import { createDraft, sentOf, type Draft } from './createDraft'

export interface CameraFormProps {
  readonly camera: Camera | undefined
  onSaved(camera: Camera): void
  readonly onReload?: () => void
}

interface PartProps {
  readonly draft: Draft
  readonly set: SetStoreFunction<Draft>
}

/** What can be written of a camera. Its password goes in and never comes out. */
export function CameraForm(props: CameraFormProps): JSX.Element {
  const app = useApp()
  /* eslint-disable solid/reactivity -- what the fields begin with */
  const before = props.camera
  /* eslint-enable solid/reactivity */
  const home = createHome(true)
  const city = () => before?.city ?? home.city()
  const [draft, setDraft] = createDraft(before)
  const action = createAction(async () => {
    const sent = sentOf(draft)
    const saved = await (before === undefined
      ? cameras.create(app.client, city(), sent)
      : cameras.change(app.client, before, sent))
    props.onSaved(saved)
  })
  return (
    <Panel title={app.text('users.details')}>
      <Form
        action={action}
        submit={app.text(before === undefined ? 'form.create' : 'form.save')}
        disabled={!app.may('camera.manage')}
        onReload={props.onReload}
      >
        <div class="columns">
          <Field label={app.text('field.name')} value={draft.name} onInput={(text) => { setDraft('name', text) }} required />
          <Show when={before === undefined}>
            <HomeFilter home={home} />
          </Show>
        </div>
        <Check
          label={app.text('cameras.enabled')}
          hint={app.text('cameras.enabled.hint')}
          checked={draft.enabled}
          onChange={(enabled) => { setDraft('enabled', enabled) }}
        />
        <Source draft={draft} set={setDraft} />
        <Login draft={draft} set={setDraft} held={before?.has_password === true} />
        <Place draft={draft} set={setDraft} city={city()} />
      </Form>
    </Panel>
  )
}

/** By maker, host and channel, or by the addresses themselves. */
function Source(props: PartProps): JSX.Element {
  const app = useApp()
  const makers = createData(
    () => undefined,
    () => cameras.makers(app.client),
  )
  const maker = () => makers.value()?.find((one) => one.id === props.draft.maker)
  const choices = () =>
    (makers.value() ?? [{ id: props.draft.maker, title: props.draft.maker }]).map(({ id, title }) => ({
      value: id,
      label: id === GENERIC ? app.text('cameras.by_address') : title,
    }))
  return (
    <>
      <h2>{app.text('cameras.source')}</h2>
      <Refusal error={makers.error()} />
      <div class="columns">
        <Select
          label={app.text('cameras.maker')}
          value={props.draft.maker}
          choices={choices()}
          onChange={(id) => { props.set('maker', id) }}
        />
        <Show when={props.draft.maker !== GENERIC}>
          <Field
            label={app.text('cameras.host')}
            value={props.draft.host}
            onInput={(text) => { props.set('host', text) }}
            placeholder="192.0.2.10"
            required
          />
          <Field
            label={app.text('cameras.port')}
            value={props.draft.port}
            onInput={(text) => { props.set('port', text) }}
            type="number"
            placeholder={String(maker()?.default_port ?? 554)}
          />
          <Field
            label={app.text('cameras.channel')}
            value={props.draft.channel}
            onInput={(text) => { props.set('channel', text) }}
            type="number"
            hint={app.text('cameras.channel.hint', { most: maker()?.channels ?? 1 })}
          />
        </Show>
        <Select
          label={app.text('cameras.transport')}
          value={props.draft.transport}
          choices={[
            { value: '', label: app.text('cameras.transport.auto') },
            { value: 'tcp', label: 'TCP' },
            { value: 'udp', label: 'UDP' },
          ]}
          onChange={(transport) => { props.set('transport', transport) }}
        />
      </div>
      <Show
        when={props.draft.maker === GENERIC}
        fallback={
          <Check
            label={app.text('cameras.sub_stream')}
            checked={props.draft.subStream}
            onChange={(sub) => { props.set('subStream', sub) }}
          />
        }
      >
        <div class="columns">
          <Field
            label={app.text('cameras.url')}
            value={props.draft.url}
            onInput={(text) => { props.set('url', text) }}
            placeholder="rtsp://192.0.2.10/stream1"
            required
          />
          <Field
            label={app.text('cameras.sub_url')}
            hint={app.text('field.optional')}
            value={props.draft.subUrl}
            onInput={(text) => { props.set('subUrl', text) }}
            placeholder="rtsp://192.0.2.10/stream2"
          />
        </div>
      </Show>
    </>
  )
}

function Login(props: PartProps & { readonly held: boolean }): JSX.Element {
  const app = useApp()
  return (
    <>
      <h2>{app.text('cameras.login')}</h2>
      <div class="columns">
        <Field
          label={app.text('cameras.user')}
          value={props.draft.user}
          onInput={(text) => { props.set('user', text) }}
        />
        <Field
          label={app.text('field.password')}
          hint={app.text(props.held ? 'cameras.password.held' : 'cameras.password.none')}
          value={props.draft.password}
          onInput={(text) => { props.set('password', text) }}
          type="password"
          autocomplete="new-password"
        />
      </div>
    </>
  )
}

function Place(props: PartProps & { readonly city: string }): JSX.Element {
  const app = useApp()
  const found = createData(
    () => props.city,
    async (city) =>
      city === ''
        ? { sites: [], groups: [] }
        : { sites: await sites.all(app.client, city), groups: await cameraGroups.all(app.client, city) },
  )

  function toggle(id: string, inside: boolean): void {
    props.set('groups', (now) => (inside ? [...now, id] : now.filter((one) => one !== id)))
  }

  return (
    <>
      <h2>{app.text('cameras.place')}</h2>
      <Refusal error={found.error()} />
      <div class="columns">
        <Select
          label={app.text('cameras.site')}
          value={props.draft.site}
          choices={[
            { value: '', label: '–' },
            ...(found.value()?.sites ?? []).map(({ id, name }) => ({ value: id, label: name })),
          ]}
          onChange={(site) => { props.set('site', site) }}
        />
        <Field
          label={app.text('places.latitude')}
          value={props.draft.latitude}
          onInput={(text) => { props.set('latitude', text) }}
          type="number"
        />
        <Field
          label={app.text('places.longitude')}
          value={props.draft.longitude}
          onInput={(text) => { props.set('longitude', text) }}
          type="number"
        />
        <Field
          label={app.text('cameras.tags')}
          hint={app.text('cameras.tags.hint')}
          value={props.draft.tags}
          onInput={(text) => { props.set('tags', text) }}
        />
      </div>
      <Show when={(found.value()?.groups.length ?? 0) > 0}>
        <span class="legend">{app.text('places.groups')}</span>
        <div class="functions">
          <For each={found.value()?.groups}>
            {(group) => (
              <Check
                label={group.name}
                checked={props.draft.groups.includes(group.id)}
                onChange={(inside) => {
                  toggle(group.id, inside)
                }}
              />
            )}
          </For>
        </div>
      </Show>
    </>
  )
}
