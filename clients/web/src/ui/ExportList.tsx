import { createEffect, createSignal, For, onCleanup, Show, type JSX } from 'solid-js'
import { recording, type Export } from '../api/recording'
import { useApp } from './app'
import { createPages } from './createData'
import { ExportRows, isUnderWay, type Names } from './ExportRow'
import { Refusal } from './Form'

/** Looked at again while something is under way. */
const AGAIN_MS = 2000

/** The page that verifies files without a server: the server gives it as a file to keep. */
export const VERIFIER = '/verify.html'

type Kind = 'exports' | 'clips'

export interface ExportListProps {
  /** Counts what was asked for meanwhile. */
  readonly changes: number
  readonly names: Names
  /** Clips are shown first where one was just asked for. */
  readonly first?: Kind
}

/** What is being taken away, how far it is, and what is ready: exports, and the clips of the library. */
export function ExportList(props: ExportListProps): JSX.Element {
  const app = useApp()
  // eslint-disable-next-line solid/reactivity -- where one begins
  const [kind, setKind] = createSignal<Kind>(props.first ?? 'exports')
  createEffect(() => {
    if (props.changes > 0) setKind(props.first ?? 'exports')
  })
  const pages = createPages(
    () => ({ kind: kind(), changes: props.changes }),
    (now, cursor) => (now.kind === 'clips' ? recording.clips(app.client, cursor) : recording.exports(app.client, cursor)),
  )
  createFollow(pages.items, pages.reload)
  return (
    <section class="exports" aria-label={app.text('export.list')}>
      <div class="exports-head">
        <div class="segments" role="group" aria-label={app.text('export.list')}>
          <For each={['exports', 'clips'] as const}>
            {(one) => (
              <button type="button" class="button" aria-pressed={kind() === one} onClick={() => setKind(one)}>
                {app.text(`export_tab.${one}`)}
              </button>
            )}
          </For>
        </div>
        <a class="button" href={VERIFIER} download="verify.html">
          {app.text('play.verify')}
        </a>
      </div>
      <Refusal error={pages.error()} />
      <Show when={pages.items().length === 0 && !pages.loading() && pages.error() === undefined}>
        <p class="nothing">{app.text(kind() === 'clips' ? 'export.none.clips' : 'export.none')}</p>
      </Show>
      <ExportRows items={pages.items()} names={props.names} onChange={pages.reload} />
      <Show when={pages.hasMore()}>
        <button type="button" class="button" disabled={pages.loading()} onClick={() => { pages.more() }}>
          {app.text('list.more')}
        </button>
      </Show>
    </section>
  )
}

/** Looks again for as long as one of them is under way. */
export function createFollow(items: () => readonly Export[], again: () => void): void {
  createEffect(() => {
    if (!items().some(isUnderWay)) return
    const timer = setTimeout(again, AGAIN_MS)
    onCleanup(() => {
      clearTimeout(timer)
    })
  })
}
