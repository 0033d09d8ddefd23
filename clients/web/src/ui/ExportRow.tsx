import { createMemo, createSignal, For, Show, type JSX } from 'solid-js'
import { LINK_TIMES, recording, type Export, type Link } from '../api/recording'
import type { Translator } from '../i18n/translate'
import { lengthOf } from '../lib/timelapse'
import { SECOND } from '../lib/zone'
import { useApp } from './app'
import { createAction } from './createAction'
import { AskedButton, Dialog } from './Dialog'
import { Field, Select } from './Field'
import { Form, Refusal } from './Form'
import { SecretBox } from './SecretBox'

/** Of cameras, by id. */
export type Names = ReadonlyMap<string, string>

export const isUnderWay = (one: Export) => one.state === 'pending' || one.state === 'processing'
const hasEnded = (one: Export) => one.state === 'error' || one.state === 'cancelled'

export interface ExportRowsProps {
  readonly items: readonly Export[]
  readonly names: Names
  onChange(): void
}

/** Rows that stay what they are while they are looked at again: a dialog over one is not closed by that. */
export function ExportRows(props: ExportRowsProps): JSX.Element {
  const byId = createMemo(() => new Map(props.items.map((one) => [one.id, one])))
  return (
    <ul class="rows">
      <For each={props.items.map(({ id }) => id)}>
        {(id) => <Show when={byId().get(id)}>{(one) => <ExportRow one={one()} names={props.names} onChange={() => { props.onChange() }} />}</Show>}
      </For>
    </ul>
  )
}

interface ExportRowProps {
  readonly one: Export
  readonly names: Names
  onChange(): void
}

/** One export, clip or archive: what it is, how far it is, and what one can do with it. */
function ExportRow(props: ExportRowProps): JSX.Element {
  const app = useApp()
  const [linking, setLinking] = createSignal(false)
  // An export is called after its cameras, which stand below; why it was made says more.
  const name = () => (props.one.kind === 'export' || props.one.kind === 'timelapse' || props.one.name === '' ? props.one.why : props.one.name)
  const share = () => (props.one.total_bytes === 0 ? 0 : props.one.done_bytes / props.one.total_bytes)
  const cancel = createAction(async () => {
    await recording.cancel(app.client, props.one.id)
    props.onChange()
  })
  const fetchFile = createAction(async () => {
    // Asked for first: a refusal is told here, and a session that has run out is renewed.
    const { id, file } = await recording.getExport(app.client, props.one.id)
    const link = document.createElement('a')
    link.href = recording.fileOf(id)
    link.download = file ?? ''
    link.click()
  })
  async function remove(): Promise<void> {
    await recording.deleteExport(app.client, props.one.id)
    props.onChange()
  }
  const details = createMemo(() =>
    [
      paceOf(props.one, app.t()),
      props.one.bytes === null ? '' : app.t().size(props.one.bytes),
      props.one.container.toUpperCase(),
      props.one.gaps.length === 0 ? '' : app.text('export.gaps', { count: props.one.gaps.length }),
      props.one.locked ? app.text('export.locked') : '',
      props.one.expires_us === null ? '' : `${app.text('time.until')} ${app.t().time(props.one.expires_us)}`,
    ].filter(Boolean),
  )
  return (
    <li>
      <span class="grow">
        <b>{name()}</b>
        <small>{whatOf(props.one, props.names, (us) => app.t().time(us))}</small>
        <small>
          {app.text(`export_state.${props.one.state}`)}
          <Show when={isUnderWay(props.one)}>{` · ${app.t().number(share() * 100)} %`}</Show>
          <For each={details()}>{(text) => ` · ${text}`}</For>
        </small>
        <Show when={props.one.state === 'processing'}>
          <progress value={share()} max={1} aria-label={app.text('export.progress', { name: name() })} />
        </Show>
        <Show when={props.one.error}>{(error) => <small class="bad">{app.t().gap(error())}</small>}</Show>
        <Refusal error={cancel.error() ?? fetchFile.error()} />
      </span>
      <span class="buttons">
        <Show when={isUnderWay(props.one)}>
          <button type="button" class="button" disabled={cancel.busy()} onClick={() => void cancel.run()}>
            {app.text('form.cancel')}
          </button>
        </Show>
        <Show when={props.one.state === 'completed'}>
          <button type="button" class="button primary" disabled={fetchFile.busy()} onClick={() => void fetchFile.run()}>
            {app.text('export.download')}
          </button>
          <button type="button" class="button" onClick={() => setLinking(true)}>
            {app.text('export.link')}
          </button>
        </Show>
        <Show when={hasEnded(props.one) && props.one.kind !== 'archive'}>
          <AgainButton one={props.one} onChange={() => { props.onChange() }} />
        </Show>
        <Show when={!isUnderWay(props.one)}>
          <AskedButton
            label={app.text('form.delete')}
            question={app.text('export.delete.ask', { name: name() })}
            danger
            onAct={remove}
          />
        </Show>
      </span>
      <Show when={linking()}>
        <LinkDialog id={props.one.id} name={name()} onClose={() => setLinking(false)} />
      </Show>
    </li>
  )
}

/** Which cameras, and from when to when. */
function whatOf(one: Export, names: Names, time: (us: number) => string): string {
  const cameras = [...new Set(one.parts.map((part) => part.camera))].map((id) => names.get(id) ?? id)
  if (cameras.length === 0) return time(one.created_us)
  const from = Math.min(...one.parts.map((part) => part.from_us))
  const to = Math.max(...one.parts.map((part) => part.to_us))
  return `${cameras.slice(0, 4).join(', ')}${cameras.length > 4 ? ` +${cameras.length - 4}` : ''} · ${time(from)} – ${time(to)}`
}

/** That it is a time-lapse, and how fast; nothing of what is none. */
function paceOf({ timelapse, parts }: Export, t: Translator): string {
  if (timelapse === null) return ''
  if (typeof timelapse.every_s === 'number') return t.text('timelapse.done.every', { time: t.duration(timelapse.every_s * SECOND) })
  const longest = Math.max(...parts.map(({ from_us, to_us }) => lengthOf(timelapse, to_us - from_us)))
  return t.text('timelapse.done.length', { length: t.duration(longest) })
}

/** Asks for the same once more. A password is not kept, so it is asked for again. */
function AgainButton(props: { readonly one: Export; onChange(): void }): JSX.Element {
  const app = useApp()
  const [asking, setAsking] = createSignal(false)
  const [password, setPassword] = createSignal('')
  const again = createAction(async () => {
    await repeat(props.one, password() === '' ? null : password())
    setAsking(false)
    props.onChange()
  })
  async function repeat(one: Export, secret: string | null): Promise<void> {
    const part = one.parts[0]
    if (one.kind === 'clip' && part !== undefined) {
      const { camera, from_us, to_us } = part
      const { name, container, audio } = one
      await recording.clip(app.client, { camera, from_us, to_us, name, container, audio, reason: one.reason ?? 'export', ...(one.case === null ? {} : { case: one.case }) })
    } else {
      const { parts, why, container, audio, timelapse } = one
      await recording.export(app.client, { parts, why, container, audio, password: secret, ...(timelapse === null ? {} : { timelapse }) })
    }
  }
  return (
    <>
      <Show when={!asking()}>
        <Refusal error={again.error()} />
      </Show>
      <button
        type="button"
        class="button"
        disabled={again.busy()}
        onClick={() => {
          if (props.one.locked) setAsking(true)
          else void again.run()
        }}
      >
        {app.text('export.again')}
      </button>
      <Show when={asking()}>
        <Dialog title={app.text('export.again')} onClose={() => setAsking(false)}>
          <Form action={again} submit={app.text('export.start')} disabled={password().length < LEAST_PASSWORD}>
            <Field
              label={app.text('export.password')}
              type="password"
              autocomplete="new-password"
              value={password()}
              onInput={setPassword}
              hint={app.text('field.password.hint', { least: LEAST_PASSWORD })}
              focus
              required
            />
          </Form>
        </Dialog>
      </Show>
    </>
  )
}

/** Of a file that is taken away. */
export const LEAST_PASSWORD = 8

/** Makes a link for who has no account here; it says until when it holds, and is shown once. */
function LinkDialog(props: { readonly id: string; readonly name: string; onClose(): void }): JSX.Element {
  const app = useApp()
  const [valid, setValid] = createSignal<number>(LINK_TIMES[1])
  const [link, setLink] = createSignal<Link>()
  const make = createAction(async () => {
    setLink(await recording.link(app.client, props.id, valid()))
  })
  return (
    <Dialog title={app.text('export.link.title', { name: props.name })} onClose={() => { props.onClose() }}>
      <Show
        when={link()}
        fallback={
          <Form action={make} submit={app.text('export.link.make')}>
            <p>{app.text('export.link.hint')}</p>
            <Select
              label={app.text('export.link.valid')}
              value={String(valid())}
              choices={LINK_TIMES.map((one) => ({ value: String(one), label: app.t().duration(one * 1_000_000) }))}
              onChange={(value) => setValid(Number(value))}
            />
          </Form>
        }
      >
        {(made) => (
          <>
            <SecretBox label={app.text('export.link.until', { time: app.t().time(made().expires_us) })} text={new URL(made().path, location.href).href} />
            <div class="buttons">
              <button type="button" class="button" onClick={() => { props.onClose() }}>
                {app.text('help.close')}
              </button>
            </div>
          </>
        )}
      </Show>
    </Dialog>
  )
}
