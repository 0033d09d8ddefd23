import { createSignal, Show, type JSX } from 'solid-js'
import { CAMERA_STATES, cameras, type CameraItem, type CameraQuery } from '../api/cameras'
import { cameraGroups } from '../api/cities'
import { download } from '../api/download'
import { save } from '../lib/save'
import { useApp } from '../ui/app'
import { createAction } from '../ui/createAction'
import { createData, createPages } from '../ui/createData'
import { createHome } from '../ui/createHome'
import { Field, Select } from '../ui/Field'
import { Refusal } from '../ui/Form'
import { HomeFilter } from '../ui/HomeFilter'
import { List } from '../ui/List'
import { Page } from '../ui/Page'
import { StatusTag } from './StatusTag'

/** The cameras one may see, with how they are doing. */
export function Cameras(): JSX.Element {
  const app = useApp()
  const home = createHome()
  const [name, setName] = createSignal('')
  const [state, setState] = createSignal('')
  const [group, setGroup] = createSignal('')
  const groups = createData(
    () => home.city(),
    (city) => (city === '' ? Promise.resolve([]) : cameraGroups.all(app.client, city)),
  )
  const asked = (): CameraQuery => ({ city: home.city(), name: name().trim(), state: state(), group: group() })
  const pages = createPages(asked, (query, cursor) => cameras.page(app.client, { ...query, cursor }))
  const fetchFile = createAction(async () => {
    const city = home.city() === '' ? undefined : home.city()
    save('cameras.csv', await download(app.client, '/cameras/export.csv', { city }), 'text/csv')
  })
  return (
    <Page
      title={app.text('nav.cameras')}
      actions={
        <>
          <button
            type="button"
            class="button"
            disabled={fetchFile.busy() || home.city() === ''}
            title={home.city() === '' ? app.text('cameras.export.city') : undefined}
            onClick={() => void fetchFile.run()}
          >
            {app.text('cameras.export')}
          </button>
          <Show when={app.may('camera.manage')}>
            <a class="button" href="/cameras/import">
              {app.text('cameras.import')}
            </a>
            <a class="button primary" href="/cameras/new">
              {app.text('cameras.new')}
            </a>
          </Show>
        </>
      }
    >
      <Refusal error={fetchFile.error()} />
      <div class="filters">
        <Field label={app.text('list.search')} value={name()} onInput={setName} type="search" />
        <HomeFilter home={home} all={app.text('home.all')} />
        <Select
          label={app.text('users.state')}
          value={state()}
          choices={[
            { value: '', label: app.text('filter.any') },
            ...CAMERA_STATES.map((one) => ({ value: one, label: app.text(`camera.${one}`) })),
          ]}
          onChange={setState}
        />
        <Show when={(groups.value()?.length ?? 0) > 0}>
          <Select
            label={app.text('scope.group')}
            value={group()}
            choices={[
              { value: '', label: app.text('filter.any') },
              ...(groups.value() ?? []).map((one) => ({ value: one.id, label: one.name })),
            ]}
            onChange={setGroup}
          />
        </Show>
      </div>
      <List
        label={app.text('nav.cameras')}
        pages={pages}
        empty={app.text('cameras.none')}
        columns={[
          { title: app.text('field.name'), cell: (camera) => <NameCell camera={camera} /> },
          { title: app.text('field.city'), cell: (camera) => camera.city },
          {
            title: app.text('users.state'),
            cell: (camera) => (
              <a class="plain" href={`/cameras/${camera.id}/history`} title={app.text('history.open')}>
                <StatusTag status={camera.status} />
              </a>
            ),
          },
          {
            title: app.text('cameras.since'),
            class: 'time',
            cell: (camera) => (camera.status.since_us === null ? '–' : app.t().time(camera.status.since_us)),
          },
          {
            title: '',
            class: 'actions',
            cell: (camera) => (
              <Show when={app.may('playback.view')}>
                <a href={`/playback?cameras=${camera.id}`}>{app.text('cameras.recordings')}</a>
              </Show>
            ),
          },
        ]}
      />
    </Page>
  )
}

function NameCell(props: { readonly camera: CameraItem }): JSX.Element {
  const app = useApp()
  return (
    <>
      <a href={`/cameras/${props.camera.id}`}>{props.camera.name}</a>
      <small>
        {props.camera.maker}
        {props.camera.masked ? ` · ${app.text('cameras.masked')}` : ''}
      </small>
    </>
  )
}
