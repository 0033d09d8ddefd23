import { createSignal, For, Show, type JSX } from 'solid-js'
import { cameraGroups, sites, type CameraGroup, type Site } from '../api/cities'
import { numberOf, textOf } from '../lib/numbers'
import { useApp } from '../ui/app'
import { createAction } from '../ui/createAction'
import { createData } from '../ui/createData'
import { createHome } from '../ui/createHome'
import { AskedButton, Dialog } from '../ui/Dialog'
import { Field } from '../ui/Field'
import { Form, Refusal } from '../ui/Form'
import { HomeFilter } from '../ui/HomeFilter'
import { Page, Panel } from '../ui/Page'

/** Sites and groups of cameras of a city. */
export function Places(): JSX.Element {
  const app = useApp()
  const home = createHome(true)
  return (
    <Page title={app.text('nav.places')}>
      <div class="filters">
        <HomeFilter home={home} />
      </div>
      <Show when={home.city() !== ''}>
        <Sites city={home.city()} />
        <Groups city={home.city()} />
      </Show>
    </Page>
  )
}

function Sites(props: { readonly city: string }): JSX.Element {
  const app = useApp()
  const [edited, setEdited] = createSignal<Site | 'new'>()
  const list = createData(
    () => props.city,
    (city) => sites.all(app.client, city),
  )
  return (
    <Panel title={app.text('places.sites')}>
      <p>{app.text('places.sites.hint')}</p>
      <Refusal error={list.error()} />
      <ul class="rows">
        <For each={list.value()} fallback={<li>{app.text('places.none')}</li>}>
          {(site) => (
            <li>
              <span>
                <b>{site.name}</b>
                <small>{site.address}</small>
              </span>
              <span class="buttons">
                <button type="button" class="button" onClick={() => setEdited(site)}>
                  {app.text('form.edit')}
                </button>
                <AskedButton
                  label={app.text('form.delete')}
                  question={app.text('places.site.ask', { name: site.name })}
                  danger
                  onAct={() =>
                    sites.delete(app.client, props.city, site).then(() => {
                      list.reload()
                    })
                  }
                />
              </span>
            </li>
          )}
        </For>
      </ul>
      <div class="buttons">
        <button type="button" class="button" onClick={() => setEdited('new')}>
          {app.text('places.site.new')}
        </button>
      </div>
      <Show when={edited()} keyed>
        {(site) => (
          <SiteDialog
            city={props.city}
            site={site === 'new' ? undefined : site}
            onClose={() => { setEdited(undefined); }}
            onSaved={() => {
              setEdited(undefined)
              list.reload()
            }}
          />
        )}
      </Show>
    </Panel>
  )
}

interface SiteDialogProps {
  readonly city: string
  readonly site: Site | undefined
  onClose(): void
  onSaved(): void
}

function SiteDialog(props: SiteDialogProps): JSX.Element {
  const app = useApp()
  /* eslint-disable solid/reactivity -- what the fields begin with */
  const before = props.site
  /* eslint-enable solid/reactivity */
  const [name, setName] = createSignal(before?.name ?? '')
  const [address, setAddress] = createSignal(before?.address ?? '')
  const [latitude, setLatitude] = createSignal(textOf(before?.latitude))
  const [longitude, setLongitude] = createSignal(textOf(before?.longitude))
  const action = createAction(async () => {
    const draft = {
      name: name().trim(),
      address: address().trim(),
      latitude: numberOf(latitude()),
      longitude: numberOf(longitude()),
    }
    await (before === undefined
      ? sites.create(app.client, props.city, draft)
      : sites.change(app.client, props.city, before, draft))
    props.onSaved()
  })
  return (
    <Dialog
      title={before?.name ?? app.text('places.site.new')}
      onClose={() => {
        props.onClose()
      }}
    >
      <Form action={action} submit={app.text('form.save')} onReload={() => { props.onSaved() }}>
        <Field label={app.text('field.name')} value={name()} onInput={setName} maxlength={120} required focus />
        <Field label={app.text('places.address')} value={address()} onInput={setAddress} maxlength={200} />
        <div class="columns">
          <Field label={app.text('places.latitude')} value={latitude()} onInput={setLatitude} type="number" />
          <Field label={app.text('places.longitude')} value={longitude()} onInput={setLongitude} type="number" />
        </div>
      </Form>
    </Dialog>
  )
}

function Groups(props: { readonly city: string }): JSX.Element {
  const app = useApp()
  const [edited, setEdited] = createSignal<CameraGroup | 'new'>()
  const list = createData(
    () => props.city,
    (city) => cameraGroups.all(app.client, city),
  )
  return (
    <Panel title={app.text('places.groups')}>
      <p>{app.text('places.groups.hint')}</p>
      <Refusal error={list.error()} />
      <ul class="rows">
        <For each={list.value()} fallback={<li>{app.text('places.none')}</li>}>
          {(group) => (
            <li>
              <b>{group.name}</b>
              <span class="buttons">
                <button type="button" class="button" onClick={() => setEdited(group)}>
                  {app.text('form.edit')}
                </button>
                <AskedButton
                  label={app.text('form.delete')}
                  question={app.text('places.group.ask', { name: group.name })}
                  danger
                  onAct={() =>
                    cameraGroups.delete(app.client, props.city, group).then(() => {
                      list.reload()
                    })
                  }
                />
              </span>
            </li>
          )}
        </For>
      </ul>
      <div class="buttons">
        <button type="button" class="button" onClick={() => setEdited('new')}>
          {app.text('places.group.new')}
        </button>
      </div>
      <Show when={edited()} keyed>
        {(group) => (
          <GroupDialog
            city={props.city}
            group={group === 'new' ? undefined : group}
            onClose={() => { setEdited(undefined); }}
            onSaved={() => {
              setEdited(undefined)
              list.reload()
            }}
          />
        )}
      </Show>
    </Panel>
  )
}

interface GroupDialogProps {
  readonly city: string
  readonly group: CameraGroup | undefined
  onClose(): void
  onSaved(): void
}

function GroupDialog(props: GroupDialogProps): JSX.Element {
  const app = useApp()
  /* eslint-disable solid/reactivity -- what the field begins with */
  const before = props.group
  /* eslint-enable solid/reactivity */
  const [name, setName] = createSignal(before?.name ?? '')
  const action = createAction(async () => {
    const given = name().trim()
    await (before === undefined
      ? cameraGroups.create(app.client, props.city, given)
      : cameraGroups.change(app.client, props.city, before, given))
    props.onSaved()
  })
  return (
    <Dialog
      title={before?.name ?? app.text('places.group.new')}
      onClose={() => {
        props.onClose()
      }}
    >
      <Form action={action} submit={app.text('form.save')} onReload={() => { props.onSaved() }}>
        <Field label={app.text('field.name')} value={name()} onInput={setName} maxlength={120} required focus />
      </Form>
    </Dialog>
  )
}
