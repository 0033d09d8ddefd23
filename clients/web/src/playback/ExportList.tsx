import { createEffect, For, onCleanup, Show, type JSX } from 'solid-js'
import { recording, type Export } from '../api/recording'
import { useApp } from '../ui/app'
import { createAction } from '../ui/createAction'
import { createPages } from '../ui/createData'
import { Refusal } from '../ui/Form'

/** Looked at again while something is under way. */
const AGAIN_MS = 2000

const isOpen = (one: Export) => one.state === 'pending' || one.state === 'processing'

/** What is being taken away, how far it is, and what is ready. `changes`: something new was asked for. */
export function ExportList(props: { readonly changes: number }): JSX.Element {
  const app = useApp()
  const pages = createPages(
    () => props.changes,
    (_, cursor) => recording.exports(app.client, cursor),
  )
  createEffect(() => {
    if (!pages.items().some(isOpen)) return
    const timer = setTimeout(pages.reload, AGAIN_MS)
    onCleanup(() => {
      clearTimeout(timer)
    })
  })
  return (
    <section class="exports" aria-label={app.text('export.list')}>
      <h2>{app.text('export.list')}</h2>
      <Refusal error={pages.error()} />
      <Show when={pages.items().length === 0 && !pages.loading() && pages.error() === undefined}>
        <p class="nothing">{app.text('export.none')}</p>
      </Show>
      <ul class="rows">
        <For each={pages.items()}>{(one) => <Row one={one} onChange={pages.reload} />}</For>
      </ul>
      <Show when={pages.hasMore()}>
        <button type="button" class="button" disabled={pages.loading()} onClick={() => { pages.more() }}>
          {app.text('list.more')}
        </button>
      </Show>
    </section>
  )
}

function Row(props: { readonly one: Export; onChange(): void }): JSX.Element {
  const app = useApp()
  const name = () => (props.one.name === '' ? props.one.why : props.one.name)
  const share = () => (props.one.total_bytes === 0 ? 0 : props.one.done_bytes / props.one.total_bytes)
  const cancel = createAction(async () => {
    await recording.cancel(app.client, props.one)
    props.onChange()
  })
  const fetchFile = createAction(async () => {
    const { path } = await recording.link(app.client, props.one.id)
    const link = document.createElement('a')
    link.href = path
    link.download = props.one.file ?? ''
    link.click()
  })
  const details = () =>
    [
      props.one.bytes === null ? '' : app.t().size(props.one.bytes),
      props.one.gaps.length === 0 ? '' : app.text('export.gaps', { count: props.one.gaps.length }),
      props.one.locked ? app.text('export.locked') : '',
      props.one.expires_us === null ? '' : `${app.text('time.until')} ${app.t().time(props.one.expires_us)}`,
    ].filter(Boolean)
  return (
    <li>
      <span>
        <b>{name()}</b>
        <small>
          {app.text(`export_state.${props.one.state}`)}
          <Show when={isOpen(props.one)}>{` · ${app.t().number(share() * 100)} %`}</Show>
          <For each={details()}>{(text) => ` · ${text}`}</For>
        </small>
        <Show when={props.one.state === 'processing'}>
          <progress value={share()} max={1} aria-label={app.text('export.progress', { name: name() })} />
        </Show>
        <Show when={props.one.error}>{(error) => <small class="bad">{app.t().gap(error())}</small>}</Show>
        <Refusal error={cancel.error() ?? fetchFile.error()} />
      </span>
      <span class="buttons">
        <Show when={isOpen(props.one)}>
          <button type="button" class="button" disabled={cancel.busy()} onClick={() => void cancel.run()}>
            {app.text('form.cancel')}
          </button>
        </Show>
        <Show when={props.one.state === 'completed'}>
          <button type="button" class="button primary" disabled={fetchFile.busy()} onClick={() => void fetchFile.run()}>
            {app.text('export.download')}
          </button>
        </Show>
      </span>
    </li>
  )
}
