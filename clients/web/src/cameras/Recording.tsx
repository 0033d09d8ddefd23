import { For, Index, Show, type JSX } from 'solid-js'
import { createStore, unwrap, type SetStoreFunction } from 'solid-js/store'
import { recording, RECORD_MODES, THIN_TO, type Keeping, type RecordMode, type Rule, type RuleView, type Slot, type StreamRule, type ThinTo } from '../api/recording'
import type { StreamName } from '../api/streams'
import { numberOf, textOf } from '../lib/numbers'
import { useApp } from '../ui/app'
import { createAction } from '../ui/createAction'
import { createData } from '../ui/createData'
import { Check, Field, Select } from '../ui/Field'
import { Form, Refusal } from '../ui/Form'
import { Panel } from '../ui/Page'

const GIGABYTE = 1e9
const STREAMS: readonly StreamName[] = ['main', 'sub']
/** Monday is 1; 2024-01-01 was one. */
const WEEK = [1, 2, 3, 4, 5, 6, 7] as const

/** When a camera is recorded, and for how long that is kept. */
export function Recording(props: { readonly camera: string }): JSX.Element {
  const app = useApp()
  const data = createData(
    () => props.camera,
    (camera) => recording.rule(app.client, camera),
  )
  return (
    <Panel title={app.text('rule.title')}>
      <Refusal error={data.error()} />
      <Show when={data.value()} keyed>
        {(view) => <RuleForm view={view} onSaved={data.set} onReload={data.reload} />}
      </Show>
    </Panel>
  )
}

/** Keeping as its fields hold it. */
interface KeepDraft {
  min: string
  max: string
  gigabytes: string
  thin: { after: string; to: ThinTo }[]
}

interface Draft {
  main: StreamRule
  sub: StreamRule
  keep: KeepDraft
}

function draftOf({ main, sub, keep }: Rule): Draft {
  return {
    main: structuredClone(main),
    sub: structuredClone(sub),
    keep: {
      min: textOf(keep.min_days),
      max: textOf(keep.max_days),
      gigabytes: textOf(keep.max_bytes === null ? null : keep.max_bytes / GIGABYTE),
      thin: keep.thin.map(({ after_days, to }) => ({ after: String(after_days), to })),
    },
  }
}

function keepOf({ min, max, gigabytes, thin }: KeepDraft): Keeping {
  const size = numberOf(gigabytes)
  return {
    min_days: numberOf(min),
    max_days: numberOf(max),
    max_bytes: size === null ? null : Math.round(size * GIGABYTE),
    thin: thin.map(({ after, to }) => ({ after_days: numberOf(after) ?? 1, to })),
  }
}

function RuleForm(props: { readonly view: RuleView; onSaved(view: RuleView): void; onReload(): void }): JSX.Element {
  const app = useApp()
  // eslint-disable-next-line solid/reactivity -- what the fields begin with
  const [draft, set] = createStore<Draft>(draftOf(props.view.rule))
  const action = createAction(async () => {
    const { main, sub, keep } = structuredClone(unwrap(draft))
    props.onSaved(await recording.setRule(app.client, props.view.camera, { main, sub, keep: keepOf(keep) }, props.view.version))
  })
  return (
    <>
      <p class="notes">
        <For each={STREAMS}>
          {(stream) => {
            const mode = () => props.view.now[stream]
            return (
              <Show when={mode()}>
                {(now) => <span class="tag">{`${app.text(`rule.${stream}`)}: ${app.text(`mode.${now()}`)}`}</span>}
              </Show>
            )
          }}
        </For>
        <Show when={props.view.manual}>{(manual) => <span class="tag warn">{app.text(`by_hand.${manual().action}`)}</span>}</Show>
        <Show when={props.view.next_change_us}>{(us) => <small>{app.text('rule.next', { time: app.t().time(us()) })}</small>}</Show>
      </p>
      <Form action={action} submit={app.text('form.save')} disabled={!app.may('camera.manage')} onReload={() => { props.onReload() }}>
        <For each={STREAMS}>{(stream) => (
            <StreamFields stream={stream} rule={draft[stream]} zone={props.view.time_zone} onChange={(change) => { set(stream, (now) => ({ ...now, ...change })) }} />
          )}</For>
        <KeepFields draft={draft} set={set} keep={props.view.keep} />
      </Form>
    </>
  )
}

interface PartProps {
  readonly draft: Draft
  readonly set: SetStoreFunction<Draft>
}

interface StreamProps {
  readonly stream: StreamName
  readonly rule: StreamRule
  readonly zone: string
  onChange(change: Partial<StreamRule>): void
}

const NEW_SLOT: Slot = { days: [1, 2, 3, 4, 5], from: '08:00', to: '18:00', mode: 'continuous' }

function StreamFields(props: StreamProps): JSX.Element {
  const app = useApp()
  const modes = () => RECORD_MODES.map((mode) => ({ value: mode, label: app.text(`mode.${mode}`) }))
  const onEvents = () => props.rule.mode === 'event' || props.rule.schedule.some((slot) => slot.mode === 'event')
  return (
    <fieldset class="rule">
      <legend>{app.text(`rule.${props.stream}`)}</legend>
      <div class="columns">
        <Select
          label={app.text('rule.mode')}
          value={props.rule.mode}
          choices={modes()}
          hint={props.rule.schedule.length > 0 ? app.text('rule.mode.else') : undefined}
          onChange={(mode) => { props.onChange({ mode: mode as RecordMode }) }}
        />
        <Show when={onEvents()}>
          <Field label={app.text('rule.pre')} type="number" value={String(props.rule.pre_s)} onInput={(text) => { props.onChange({ pre_s: numberOf(text) ?? 0 }) }} />
          <Field label={app.text('rule.post')} type="number" value={String(props.rule.post_s)} onInput={(text) => { props.onChange({ post_s: numberOf(text) ?? 0 }) }} />
        </Show>
        <Check label={app.text('rule.audio')} checked={props.rule.audio} onChange={(audio) => { props.onChange({ audio }) }} />
      </div>
      <Index each={props.rule.schedule}>
        {(slot, index) => (
          <SlotFields
            slot={slot()}
            modes={modes()}
            zone={props.zone}
            onChange={(change) => { props.onChange({ schedule: props.rule.schedule.map((one, at) => (at === index ? { ...one, ...change } : one)) }) }}
            onRemove={() => { props.onChange({ schedule: props.rule.schedule.filter((_, at) => at !== index) }) }}
          />
        )}
      </Index>
      <div class="buttons">
        <button type="button" class="button" onClick={() => { props.onChange({ schedule: [...props.rule.schedule, NEW_SLOT] }) }}>
          {app.text('rule.slot.add')}
        </button>
      </div>
    </fieldset>
  )
}

interface SlotProps {
  readonly slot: Slot
  readonly modes: readonly { readonly value: string; readonly label: string }[]
  readonly zone: string
  onChange(change: Partial<Slot>): void
  onRemove(): void
}

function SlotFields(props: SlotProps): JSX.Element {
  const app = useApp()
  const name = (day: number) => new Intl.DateTimeFormat(app.choice.language(), { weekday: 'short', timeZone: 'UTC' }).format(Date.UTC(2024, 0, day))
  function toggle(day: number, inside: boolean): void {
    const { days } = props.slot
    props.onChange({ days: inside ? [...days, day].sort() : days.filter((one) => one !== day) })
  }
  return (
    <div class="slot">
      <div class="weekdays">
        <For each={WEEK}>{(day) => <Check label={name(day)} checked={props.slot.days.includes(day)} onChange={(inside) => { toggle(day, inside) }} />}</For>
      </div>
      <div class="columns">
        <Field label={app.text('rule.slot.from')} value={props.slot.from} onInput={(from) => { props.onChange({ from }) }} hint={props.zone} placeholder="08:00" required />
        <Field label={app.text('rule.slot.to')} value={props.slot.to} onInput={(to) => { props.onChange({ to }) }} placeholder="24:00" required />
        <Select label={app.text('rule.mode')} value={props.slot.mode} choices={props.modes} onChange={(mode) => { props.onChange({ mode: mode as RecordMode }) }} />
        <button type="button" class="button danger" onClick={() => { props.onRemove() }}>
          {app.text('form.delete')}
        </button>
      </div>
    </div>
  )
}

function KeepFields(props: PartProps & { readonly keep: Keeping }): JSX.Element {
  const app = useApp()
  function remove(index: number): void {
    props.set('keep', 'thin', (all) => all.filter((_, at) => at !== index))
  }
  const inForce = () => {
    const { min_days, max_days, max_bytes } = props.keep
    const parts = [
      app.text('rule.keep.least', { days: min_days ?? 0 }),
      max_days === null ? app.text('rule.keep.no_limit') : app.text('rule.keep.most', { days: max_days }),
      max_bytes === null ? '' : app.t().size(max_bytes),
    ]
    return app.text('rule.keep.now', { what: parts.filter(Boolean).join(', ') })
  }
  return (
    <fieldset class="rule">
      <legend>{app.text('rule.keep')}</legend>
      <p class="notes">{inForce()}</p>
      <div class="columns">
        <Field label={app.text('rule.keep.min')} type="number" value={props.draft.keep.min} onInput={(text) => { props.set('keep', 'min', text) }} hint={app.text('rule.keep.inherit')} />
        <Field label={app.text('rule.keep.max')} type="number" value={props.draft.keep.max} onInput={(text) => { props.set('keep', 'max', text) }} hint={app.text('rule.keep.inherit')} />
        <Field label={app.text('rule.keep.size')} type="number" value={props.draft.keep.gigabytes} onInput={(text) => { props.set('keep', 'gigabytes', text) }} hint={app.text('rule.keep.inherit')} />
      </div>
      <For each={props.draft.keep.thin}>
        {(step, index) => (
          <div class="columns">
            <Field label={app.text('rule.thin.after')} type="number" value={step.after} onInput={(text) => { props.set('keep', 'thin', index(), 'after', text) }} required />
            <Select
              label={app.text('rule.thin.to')}
              value={step.to}
              choices={THIN_TO.map((to) => ({ value: to, label: app.text(`thin.${to}`) }))}
              onChange={(to) => { props.set('keep', 'thin', index(), 'to', to as ThinTo) }}
            />
            <button type="button" class="button danger" onClick={() => { remove(index()) }}>
              {app.text('form.delete')}
            </button>
          </div>
        )}
      </For>
      <Show when={props.draft.keep.thin.length < THIN_TO.length}>
        <div class="buttons">
          <button type="button" class="button" onClick={() => { props.set('keep', 'thin', (all) => [...all, { after: '7', to: 'keys' as const }]) }}>
            {app.text('rule.thin.add')}
          </button>
        </div>
      </Show>
    </fieldset>
  )
}
