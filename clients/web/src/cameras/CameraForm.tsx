import { For, Show, type JSX } from 'solid-js'
import { cameras, type Camera } from '../api/cameras'
import { cameraGroups, sites } from '../api/cities'
import { useApp } from '../ui/app'
import { createAction } from '../ui/createAction'
import { createData } from '../ui/createData'
import { createHome } from '../ui/createHome'
import { Check, Field, Select } from '../ui/Field'
import { Form, Refusal } from '../ui/Form'
import { HomeFilter } from '../ui/HomeFilter'
import { Panel } from '../ui/Page'
import { createDraft, credentialsOf, sentOf } from './createDraft'
import { PushFields } from './PushFields'
import { BackupFields, SourceFields, type PartProps } from './SourceFields'

export interface CameraFormProps {
  readonly camera: Camera | undefined
  onSaved(camera: Camera): void
  readonly onReload?: () => void
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
        <SourceFields draft={draft} set={setDraft} />
        <Show when={credentialsOf(draft) !== 'none'}>
          <Login draft={draft} set={setDraft} held={before?.has_password === true} />
        </Show>
        <Show when={draft.direction === 'call'}>
          <BackupFields draft={draft} set={setDraft} />
        </Show>
        <PushFields draft={draft} set={setDraft} before={before} />
        <Place draft={draft} set={setDraft} city={city()} />
      </Form>
    </Panel>
  )
}

/** Who calls the camera; SRT has a passphrase alone. */
function Login(props: PartProps & { readonly held: boolean }): JSX.Element {
  const app = useApp()
  const byPassphrase = () => credentialsOf(props.draft) === 'passphrase'
  return (
    <>
      <h2>{app.text('cameras.login')}</h2>
      <div class="columns">
        <Show when={!byPassphrase()}>
          <Field
            label={app.text('cameras.user')}
            value={props.draft.user}
            onInput={(text) => { props.set('user', text) }}
          />
        </Show>
        <Field
          label={app.text(byPassphrase() ? 'cameras.passphrase' : 'field.password')}
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
