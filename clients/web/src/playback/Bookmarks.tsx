import { createSignal, For, Show, type JSX } from 'solid-js'
import { recording, type Bookmark } from '../api/recording'
import type { Zone } from '../lib/zone'
import { useApp } from '../ui/app'
import { createAction } from '../ui/createAction'
import { createPages } from '../ui/createData'
import { AskedButton, Dialog } from '../ui/Dialog'
import { Field } from '../ui/Field'
import { Form, Refusal } from '../ui/Form'

export interface BookmarksProps {
  readonly camera: string
  readonly name: string
  readonly zone: Zone
  /** Counts what was marked meanwhile. */
  readonly changes: number
  onSeek(us: number): void
  onChange(): void
}

/** What was marked on a camera, to be found again by its words. */
export function Bookmarks(props: BookmarksProps): JSX.Element {
  const app = useApp()
  const [wanted, setWanted] = createSignal('')
  const [edited, setEdited] = createSignal<Bookmark>()
  const pages = createPages(
    () => ({ camera: props.camera, text: wanted().trim(), changes: props.changes }),
    ({ camera, text }, cursor) => recording.bookmarks(app.client, camera, text, cursor),
  )
  const time = (us: number) =>
    new Intl.DateTimeFormat(app.choice.language(), { timeZone: props.zone.name, dateStyle: 'short', timeStyle: 'medium' }).format(us / 1000)
  const changed = () => {
    setEdited(undefined)
    pages.reload()
    props.onChange()
  }
  return (
    <section class="exports" aria-label={app.text('bookmark.list', { name: props.name })}>
      <h2>{app.text('bookmark.list', { name: props.name })}</h2>
      <Field label={app.text('list.search')} type="search" value={wanted()} onInput={setWanted} maxlength={100} />
      <Refusal error={pages.error()} />
      <Show when={pages.items().length === 0 && !pages.loading() && pages.error() === undefined}>
        <p class="nothing">{app.text('bookmark.none')}</p>
      </Show>
      <ul class="rows">
        <For each={pages.items()}>
          {(one) => (
            <li>
              <button type="button" class="button plain moment" onClick={() => { props.onSeek(one.at_us) }}>
                {time(one.at_us)}
              </button>
              <span class="grow">{one.text}</span>
              <span class="buttons">
                <button type="button" class="button" onClick={() => setEdited(one)}>
                  {app.text('form.edit')}
                </button>
                <AskedButton
                  label={app.text('form.delete')}
                  question={app.text('bookmark.delete.ask', { text: one.text })}
                  danger
                  onAct={() => recording.deleteBookmark(app.client, one).then(changed)}
                />
              </span>
            </li>
          )}
        </For>
      </ul>
      <Show when={pages.hasMore()}>
        <button type="button" class="button" disabled={pages.loading()} onClick={() => { pages.more() }}>
          {app.text('list.more')}
        </button>
      </Show>
      <Show when={edited()} keyed>
        {(one) => <EditDialog one={one} onClose={() => { setEdited(undefined); }} onSaved={changed} />}
      </Show>
    </section>
  )
}

function EditDialog(props: { readonly one: Bookmark; onClose(): void; onSaved(): void }): JSX.Element {
  const app = useApp()
  // eslint-disable-next-line solid/reactivity -- what one begins with
  const [said, setSaid] = createSignal(props.one.text)
  const action = createAction(async () => {
    await recording.changeBookmark(app.client, props.one, said().trim())
    props.onSaved()
  })
  return (
    <Dialog title={app.text('bookmark.edit')} onClose={() => { props.onClose() }}>
      <Form action={action} submit={app.text('form.save')} disabled={said().trim() === ''}>
        <Field label={app.text('bookmark.text')} value={said()} onInput={setSaid} maxlength={500} focus required />
      </Form>
    </Dialog>
  )
}
