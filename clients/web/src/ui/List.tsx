import { For, Show, type JSX } from 'solid-js'
import { useApp } from './app'
import type { Pages } from './createData'
import { Refusal } from './Form'

export interface Column<T> {
  readonly title: string
  readonly class?: 'number' | 'actions' | 'time'
  readonly cell: (item: T) => JSX.Element
}

export interface ListProps<T> {
  readonly label: string
  readonly pages: Pages<T>
  readonly columns: readonly Column<T>[]
  /** What stands there when there is nothing. */
  readonly empty: string
}

/** A table that grows page by page. */
export function List<T>(props: ListProps<T>): JSX.Element {
  const app = useApp()
  const isEmpty = () => props.pages.items().length === 0 && !props.pages.loading() && props.pages.error() === undefined
  return (
    <>
      <Refusal error={props.pages.error()} />
      <Show when={props.pages.items().length > 0}>
        <div class="table" tabindex="0" role="region" aria-label={props.label}>
          <table>
            <thead>
              <tr>
                <For each={props.columns}>
                  {(column) => (
                    <th scope="col" class={column.class}>
                      {column.title}
                    </th>
                  )}
                </For>
              </tr>
            </thead>
            <tbody>
              <For each={props.pages.items()}>
                {(item) => (
                  <tr>
                    <For each={props.columns}>{(column) => <td class={column.class}>{column.cell(item)}</td>}</For>
                  </tr>
                )}
              </For>
            </tbody>
          </table>
        </div>
      </Show>
      <Show when={isEmpty()}>
        <p class="nothing">{props.empty}</p>
      </Show>
      <Show when={props.pages.hasMore()}>
        <div class="buttons">
          <button
            type="button"
            class="button"
            disabled={props.pages.loading()}
            onClick={() => {
              props.pages.more()
            }}
          >
            {app.text('list.more')}
          </button>
        </div>
      </Show>
    </>
  )
}
