import { Index, Show, type JSX } from 'solid-js'
import type { Camera } from '../api/cameras'
import { mayBecomeTarget, PUSH_BEGIN, PUSH_FORM } from '../lib/address'
import { useApp } from '../ui/app'
import { Field } from '../ui/Field'
import { hasSub, type Target } from './createDraft'
import type { PartProps } from './SourceFields'

/** So many of one stream the server takes. */
const MOST = 8
const EMPTY: Target = { address: '', passphrase: '' }

const WORDS = {
  push: {
    stream: 'stream.main',
    address: 'cameras.push.main',
    passphrase: 'cameras.push.main.passphrase',
    add: 'cameras.push.main.add',
  },
  subPush: {
    stream: 'stream.sub',
    address: 'cameras.push.sub',
    passphrase: 'cameras.push.sub.passphrase',
    add: 'cameras.push.sub.add',
  },
} as const

/** Whom the streams are brought to. Passphrases go in and never come out. */
export function PushFields(props: PartProps & { readonly before: Camera | undefined }): JSX.Element {
  const app = useApp()
  // Which of them has one is not told.
  const kept = () =>
    props.before?.has_push_passphrases === true ? [...props.before.push, ...props.before.sub_push] : []
  return (
    <>
      <h2>{app.text('cameras.push')}</h2>
      <p>{app.text('cameras.push.hint')}</p>
      <Targets
        name="push"
        targets={props.draft.push}
        kept={kept()}
        onChange={(targets) => { props.set('push', targets) }}
      />
      <Show when={hasSub(props.draft)}>
        <Targets
          name="subPush"
          targets={props.draft.subPush}
          kept={kept()}
          onChange={(targets) => { props.set('subPush', targets) }}
        />
      </Show>
    </>
  )
}

interface TargetsProps {
  readonly name: keyof typeof WORDS
  readonly targets: readonly Target[]
  /** Those that may have a passphrase already. */
  readonly kept: readonly string[]
  onChange(targets: readonly Target[]): void
}

function Targets(props: TargetsProps): JSX.Element {
  const app = useApp()
  const words = () => WORDS[props.name]
  const isKept = (target: Target) => props.kept.includes(target.address.trim())
  const error = (target: Target) =>
    mayBecomeTarget(target.address) ? undefined : app.text('cameras.address.begin', { schemes: PUSH_BEGIN })
  function change(index: number, to: Partial<Target>): void {
    props.onChange(props.targets.map((one, at) => (at === index ? { ...one, ...to } : one)))
  }
  return (
    <fieldset class="rule">
      <legend>{app.text(words().stream)}</legend>
      <Index each={props.targets}>
        {(target, index) => (
          <div class="columns">
            <Field
              label={app.text(words().address, { number: index + 1 })}
              value={target().address}
              onInput={(address) => { change(index, { address }) }}
              placeholder="srt://192.0.2.30:9000"
              hint={PUSH_FORM}
              error={error(target())}
              required
            />
            <Field
              label={app.text(words().passphrase, { number: index + 1 })}
              value={target().passphrase}
              onInput={(passphrase) => { change(index, { passphrase }) }}
              type="password"
              autocomplete="new-password"
              hint={app.text(isKept(target()) ? 'cameras.push.kept' : 'field.optional')}
            />
            <button
              type="button"
              class="button danger"
              onClick={() => { props.onChange(props.targets.filter((_, at) => at !== index)) }}
            >
              {app.text('form.delete')}
            </button>
          </div>
        )}
      </Index>
      <Show when={props.targets.length < MOST}>
        <div class="buttons">
          <button type="button" class="button" onClick={() => { props.onChange([...props.targets, EMPTY]) }}>
            {app.text(words().add)}
          </button>
        </div>
      </Show>
    </fieldset>
  )
}
