import { Show, type JSX } from 'solid-js'
import type { SetStoreFunction } from 'solid-js/store'
import { cameras, GENERIC } from '../api/cameras'
import { mayBecome, wayOf, WAYS } from '../lib/address'
import { useApp } from '../ui/app'
import { createData } from '../ui/createData'
import { Check, Field, Select } from '../ui/Field'
import { Refusal } from '../ui/Form'
import { hasSub, type Calling, type Direction, type Draft } from './createDraft'

export interface PartProps {
  readonly draft: Draft
  readonly set: SetStoreFunction<Draft>
}

/** Who calls whom, and where. */
export function SourceFields(props: PartProps): JSX.Element {
  const app = useApp()
  const calls = () => props.draft.direction === 'call'
  return (
    <>
      <h2>{app.text('cameras.source')}</h2>
      <div class="columns">
        <Select
          label={app.text('cameras.direction')}
          value={props.draft.direction}
          choices={[
            { value: 'call', label: app.text('cameras.direction.call') },
            { value: 'publish', label: app.text('cameras.direction.publish') },
          ]}
          onChange={(direction) => { props.set('direction', direction as Direction) }}
        />
      </div>
      <Show when={calls()} fallback={<Published draft={props.draft} set={props.set} />}>
        <Called draft={props.draft} set={props.set} />
      </Show>
    </>
  )
}

/** The camera calls: nothing is to be known of it but whether a second one may take over. */
function Published(props: PartProps): JSX.Element {
  const app = useApp()
  return (
    <>
      <p>{app.text('cameras.publish.hint')}</p>
      <Check
        label={app.text('cameras.publish.replace')}
        hint={app.text('cameras.publish.replace.hint')}
        checked={props.draft.replace}
        onChange={(replace) => { props.set('replace', replace) }}
      />
      <Check
        label={app.text('cameras.publish.sub')}
        checked={props.draft.subStream}
        onChange={(sub) => { props.set('subStream', sub) }}
      />
    </>
  )
}

/** By maker, host and channel, or by the addresses themselves. */
function Called(props: PartProps): JSX.Element {
  const app = useApp()
  const makers = createData(
    () => undefined,
    () => cameras.makers(app.client),
  )
  const maker = () => makers.value()?.find((one) => one.id === props.draft.maker)
  const generic = () => props.draft.maker === GENERIC
  const choices = () =>
    (makers.value() ?? [{ id: props.draft.maker, title: props.draft.maker }]).map(({ id, title }) => ({
      value: id,
      label: id === GENERIC ? app.text('cameras.by_address') : title,
    }))
  // RTSP alone can travel in two ways.
  const hasTransport = () => !generic() || [undefined, 'rtsp'].includes(wayOf(props.draft.url)?.scheme)
  return (
    <>
      <Refusal error={makers.error()} />
      <div class="columns">
        <Select
          label={app.text('cameras.maker')}
          value={props.draft.maker}
          choices={choices()}
          onChange={(id) => { props.set('maker', id) }}
        />
        <Show when={!generic()}>
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
        <Show when={hasTransport()}>
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
        </Show>
        <Select
          label={app.text('cameras.calling')}
          value={props.draft.calling}
          choices={[
            { value: 'auto', label: app.text('cameras.calling.auto') },
            { value: 'always', label: app.text('cameras.calling.always') },
            { value: 'demand', label: app.text('cameras.calling.demand') },
          ]}
          onChange={(calling) => { props.set('calling', calling as Calling) }}
        />
      </div>
      <Show
        when={generic()}
        fallback={
          <Check
            label={app.text('cameras.sub_stream')}
            checked={props.draft.subStream}
            onChange={(sub) => { props.set('subStream', sub) }}
          />
        }
      >
        <div class="columns">
          <AddressField
            label={app.text('cameras.url')}
            value={props.draft.url}
            onInput={(text) => { props.set('url', text) }}
            placeholder="rtsp://192.0.2.10/stream1"
            required
          />
          <AddressField
            label={app.text('cameras.sub_url')}
            value={props.draft.subUrl}
            onInput={(text) => { props.set('subUrl', text) }}
            placeholder="rtsp://192.0.2.10/stream2"
          />
        </div>
      </Show>
    </>
  )
}

/** A second way to the same picture. */
export function BackupFields(props: PartProps): JSX.Element {
  const app = useApp()
  return (
    <>
      <h2>{app.text('cameras.backup')}</h2>
      <p>{app.text('cameras.backup.hint')}</p>
      <div class="columns">
        <AddressField
          label={app.text('cameras.backup_url')}
          value={props.draft.backupUrl}
          onInput={(text) => { props.set('backupUrl', text) }}
          placeholder="rtsp://198.51.100.10/stream1"
        />
        <Show when={props.draft.backupUrl.trim() !== '' && hasSub(props.draft)}>
          <AddressField
            label={app.text('cameras.backup_sub_url')}
            value={props.draft.backupSubUrl}
            onInput={(text) => { props.set('backupSubUrl', text) }}
            placeholder="rtsp://198.51.100.10/stream2"
          />
        </Show>
      </div>
    </>
  )
}

interface AddressFieldProps {
  readonly label: string
  readonly value: string
  readonly placeholder: string
  readonly required?: boolean
  onInput(text: string): void
}

/** An address, with what to write once its protocol is known, or which protocols there are. */
function AddressField(props: AddressFieldProps): JSX.Element {
  const app = useApp()
  const hint = () => {
    const way = wayOf(props.value)
    if (way !== undefined) return way.scheme === 'file' ? app.text('cameras.address.file') : way.form
    return props.required === true ? app.text('cameras.address.hint') : app.text('field.optional')
  }
  const schemes = () => WAYS.map(({ form }) => form.replace(/^(\w[\w+]*:(\/\/)?).*/, '$1')).join(' ')
  const error = () => (mayBecome(props.value) ? undefined : app.text('cameras.address.begin', { schemes: schemes() }))
  return (
    <Field
      label={props.label}
      value={props.value}
      onInput={(text) => { props.onInput(text) }}
      placeholder={props.placeholder}
      hint={hint()}
      error={error()}
      {...(props.required === undefined ? {} : { required: props.required })}
    />
  )
}
