import { createSignal, For, Show, type JSX } from 'solid-js'
import { CLIP_REASONS, recording, type ClipReason, type Container } from '../api/recording'
import { fieldOf, momentOf, type Zone } from '../lib/zone'
import { useApp } from '../ui/app'
import { createAction } from '../ui/createAction'
import { createData } from '../ui/createData'
import { Dialog } from '../ui/Dialog'
import { Check, Field, Select } from '../ui/Field'
import { LEAST_PASSWORD } from '../ui/ExportRow'
import { Form } from '../ui/Form'
import { createPace, PaceFields } from './Pace'
import type { Range } from './range'

export interface Chosen {
  readonly id: string
  readonly name: string
}

export interface TakeAwayProps {
  readonly cameras: readonly Chosen[]
  readonly range: Range
  readonly zone: Zone
  onRange(range: Range): void
  onClose(): void
}

interface TimesProps {
  readonly range: Range
  readonly zone: Zone
  onRange(range: Range): void
}

/** From and to, on the clock of the city. */
function Times(props: TimesProps): JSX.Element {
  const app = useApp()
  function set(edge: keyof Range, text: string): void {
    const us = momentOf(text, props.zone)
    if (us !== undefined) props.onRange({ ...props.range, [edge]: us })
  }
  const wrong = () => (props.range.to_us > props.range.from_us ? undefined : app.text('export.range.wrong'))
  return (
    <div class="columns">
      <Field label={app.text('play.range.from')} type="datetime-local" value={fieldOf(props.range.from_us, props.zone)} onInput={(text) => { set('from_us', text) }} required />
      <Field
        label={app.text('play.range.to')}
        type="datetime-local"
        value={fieldOf(props.range.to_us, props.zone)}
        onInput={(text) => { set('to_us', text) }}
        error={wrong()}
        hint={props.zone.name}
        required
      />
    </div>
  )
}

/** Cameras of those on the screen. */
function Cameras(props: { readonly all: readonly Chosen[]; readonly chosen: readonly string[]; onChange(chosen: readonly string[]): void }): JSX.Element {
  const app = useApp()
  return (
    <fieldset class="functions">
      <legend class="legend">{app.text('nav.cameras')}</legend>
      <For each={props.all}>
        {({ id, name }) => (
          <Check
            label={name}
            checked={props.chosen.includes(id)}
            onChange={(inside) => { props.onChange(inside ? [...props.chosen, id] : props.chosen.filter((one) => one !== id)) }}
          />
        )}
      </For>
    </fieldset>
  )
}

const CONTAINERS: readonly { readonly value: Container; readonly label: string }[] = [
  { value: 'mp4', label: 'MP4' },
  { value: 'mkv', label: 'Matroska (MKV)' },
]
export interface ExportDialogProps extends TakeAwayProps {
  /** Whose cases a clip may be put into; undefined for who may not work on any. */
  readonly city: string | undefined
  /** What was asked for. */
  onDone(kind: 'exports' | 'clips'): void
}

/** Open cases of a city, with what stands for none. */
export function createCases(city: () => string | undefined, none: string) {
  const app = useApp()
  const cases = createData(city, (of) => (of === undefined ? Promise.resolve([]) : recording.cases(app.client, of)))
  const choices = (keep?: string) => [
    { value: '', label: none },
    ...(cases.value() ?? []).filter((one) => one.state === 'open' || one.id === keep).map((one) => ({ value: one.id, label: [one.number, one.title].filter(Boolean).join(' · ') })),
  ]
  return { choices, error: cases.error, loading: cases.loading, reload: cases.reload }
}

/** Takes video away: why is always said, and is audited. */
export function ExportDialog(props: ExportDialogProps): JSX.Element {
  const app = useApp()
  const [kind, setKind] = createSignal('export')
  const isClip = () => kind() === 'clip'
  const isTimelapse = () => kind() === 'timelapse'
  const pace = createPace(() => props.range)
  // eslint-disable-next-line solid/reactivity -- what one begins with
  const [chosen, setChosen] = createSignal<readonly string[]>(props.cameras.map(({ id }) => id))
  const [container, setContainer] = createSignal<Container>('mp4')
  const [audio, setAudio] = createSignal(true)
  const [why, setWhy] = createSignal('')
  const [reason, setReason] = createSignal<ClipReason>('evidence')
  const [password, setPassword] = createSignal('')
  const [of, setOf] = createSignal('')
  const cases = createCases(() => props.city, app.text('hold.no_case'))
  const short = () => password() !== '' && password().length < LEAST_PASSWORD
  const ready = () => {
    const count = isClip() ? chosen().length === 1 : chosen().length > 0
    const paced = !isTimelapse() || pace.wanted() !== undefined
    return count && paced && why().trim() !== '' && props.range.to_us > props.range.from_us && !short()
  }
  const action = createAction(async () => {
    const { from_us, to_us } = props.range
    if (isClip()) {
      const camera = chosen()[0] ?? ''
      await recording.clip(app.client, { camera, from_us, to_us, reason: reason(), name: why().trim(), container: container(), audio: audio(), ...(of() === '' ? {} : { case: of() }) })
    } else {
      const parts = chosen().map((camera) => ({ camera, from_us, to_us, streams: ['main' as const] }))
      const timelapse = isTimelapse() ? pace.wanted() : undefined
      const form = timelapse === undefined ? { container: container(), audio: audio() } : { container: 'mp4' as const, audio: false, timelapse }
      await recording.export(app.client, { parts, why: why().trim(), password: password() === '' ? null : password(), ...form })
    }
    props.onDone(isClip() ? 'clips' : 'exports')
  })
  return (
    <Dialog title={app.text('export.title')} onClose={() => { props.onClose() }}>
      <Form action={action} submit={app.text('export.start')} disabled={!ready()} more={<Cancel onClose={() => { props.onClose() }} />}>
        <Select
          label={app.text('export.kind')}
          value={kind()}
          choices={[
            { value: 'export', label: app.text('export.kind.export') },
            { value: 'clip', label: app.text('export.kind.clip') },
            { value: 'timelapse', label: app.text('export.kind.timelapse') },
          ]}
          hint={isClip() ? app.text('export.kind.clip.hint') : undefined}
          onChange={setKind}
        />
        <Times range={props.range} zone={props.zone} onRange={(range) => { props.onRange(range) }} />
        <Cameras all={props.cameras} chosen={chosen()} onChange={setChosen} />
        <Show when={!isTimelapse()} fallback={<PaceFields pace={pace} range={props.range} />}>
          <div class="columns">
            <Select label={app.text('export.container')} value={container()} choices={CONTAINERS} onChange={(value) => setContainer(value as Container)} />
            <Check label={app.text('export.audio')} checked={audio()} onChange={setAudio} />
          </div>
        </Show>
        <Show when={isClip()}>
          <Select
            label={app.text('export.reason')}
            value={reason()}
            choices={CLIP_REASONS.map((one) => ({ value: one, label: app.text(`clip_reason.${one}`) }))}
            onChange={(value) => setReason(value as ClipReason)}
          />
          <Show when={props.city !== undefined}>
            <Select label={app.text('hold.case')} value={of()} choices={cases.choices()} onChange={setOf} />
          </Show>
        </Show>
        <Field
          label={app.text(isClip() ? 'field.name' : 'export.why')}
          value={why()}
          onInput={setWhy}
          hint={isClip() ? undefined : app.text('export.why.hint')}
          maxlength={isClip() ? 120 : 500}
          required
        />
        <Show when={!isClip()}>
          <Field
            label={app.text('export.password')}
            type="password"
            autocomplete="new-password"
            value={password()}
            onInput={setPassword}
            hint={app.text('export.password.hint')}
            error={short() ? app.text('field.password.hint', { least: LEAST_PASSWORD }) : undefined}
          />
        </Show>
      </Form>
    </Dialog>
  )
}

export function Cancel(props: { onClose(): void }): JSX.Element {
  const app = useApp()
  return (
    <button type="button" class="button plain" onClick={() => { props.onClose() }}>
      {app.text('form.cancel')}
    </button>
  )
}

const NEW_CASE = 'new'

/** Keeps a stretch of time whatever the rules say. */
export function HoldDialog(props: TakeAwayProps & { readonly city: string | undefined; onDone(): void }): JSX.Element {
  const app = useApp()
  // eslint-disable-next-line solid/reactivity -- what one begins with
  const [chosen, setChosen] = createSignal<readonly string[]>(props.cameras.map(({ id }) => id))
  const [why, setWhy] = createSignal('')
  const [of, setOf] = createSignal('')
  const [title, setTitle] = createSignal('')
  const cases = createCases(() => props.city, app.text('hold.no_case'))
  const ready = () => chosen().length > 0 && why().trim() !== '' && props.range.to_us > props.range.from_us && (of() !== NEW_CASE || title().trim() !== '')
  const action = createAction(async () => {
    const { from_us, to_us } = props.range
    const known = of() === NEW_CASE ? (await recording.openCase(app.client, { title: title().trim(), city: props.city ?? '' })).id : of()
    // A second attempt goes on with the case that the first one opened.
    setOf(known)
    if (known !== '') cases.reload()
    for (const camera of chosen()) {
      await recording.hold(app.client, { camera, from_us, to_us, why: why().trim(), ...(known === '' ? {} : { case: known }) })
      setChosen((now) => now.filter((one) => one !== camera))
    }
    props.onDone()
  })
  const choices = () => [...cases.choices(of()), { value: NEW_CASE, label: app.text('hold.new_case') }]
  return (
    <Dialog title={app.text('hold.title')} onClose={() => { props.onClose() }}>
      <p>{app.text('hold.hint')}</p>
      <Form action={action} submit={app.text('hold.place')} disabled={!ready()} more={<Cancel onClose={() => { props.onClose() }} />}>
        <Times range={props.range} zone={props.zone} onRange={(range) => { props.onRange(range) }} />
        <Cameras all={props.cameras} chosen={chosen()} onChange={setChosen} />
        <Show when={props.city !== undefined}>
          <Select label={app.text('hold.case')} value={of()} choices={choices()} onChange={setOf} />
        </Show>
        <Show when={of() === NEW_CASE}>
          <Field label={app.text('hold.case.title')} value={title()} onInput={setTitle} maxlength={120} required />
        </Show>
        <Field label={app.text('export.why')} value={why()} onInput={setWhy} maxlength={500} required />
      </Form>
    </Dialog>
  )
}

export interface BookmarkDialogProps {
  readonly camera: Chosen
  readonly at: number
  readonly time: string
  onDone(): void
  onClose(): void
}

/** Marks an instant, to be found again. */
export function BookmarkDialog(props: BookmarkDialogProps): JSX.Element {
  const app = useApp()
  const [said, setSaid] = createSignal('')
  const action = createAction(async () => {
    await recording.bookmark(app.client, { camera: props.camera.id, at_us: props.at, text: said().trim() })
    props.onDone()
  })
  return (
    <Dialog title={app.text('bookmark.title')} onClose={() => { props.onClose() }}>
      <p>{`${props.camera.name} · ${props.time}`}</p>
      <Form action={action} submit={app.text('form.save')} disabled={said().trim() === ''} more={<Cancel onClose={() => { props.onClose() }} />}>
        <Field label={app.text('bookmark.text')} value={said()} onInput={setSaid} maxlength={500} focus required />
      </Form>
    </Dialog>
  )
}
