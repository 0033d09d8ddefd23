import { For, Show, type JSX } from 'solid-js'
import { useApp } from './app'
import { Header } from './Header'

export interface Tab {
  readonly to: string
  readonly label: string
}

export interface PageProps {
  readonly title: string
  /** Where one came from, for screens of one thing. */
  readonly back?: Tab | undefined
  readonly tabs?: readonly Tab[]
  readonly actions?: JSX.Element
  readonly children: JSX.Element
}

/** A page of the administration. */
export function Page(props: PageProps): JSX.Element {
  const app = useApp()
  return (
    <>
      <Header />
      <main class="page">
        <div class="page-body">
          <Show when={props.back}>{(back) => <a class="back" href={back().to}>{`← ${back().label}`}</a>}</Show>
          <div class="page-head">
            <h1>{props.title}</h1>
            <div class="buttons">{props.actions}</div>
          </div>
          <Show when={props.tabs}>
            {(tabs) => (
              <nav class="tabs" aria-label={props.title}>
                <For each={tabs()}>
                  {(tab) => (
                    <a href={tab.to} aria-current={app.router.path() === tab.to ? 'page' : undefined}>
                      {tab.label}
                    </a>
                  )}
                </For>
              </nav>
            )}
          </Show>
          {props.children}
        </div>
      </main>
    </>
  )
}

export interface PanelProps {
  readonly title?: string | undefined
  readonly narrow?: boolean
  readonly children: JSX.Element
}

/** A part of a page that stands for itself. */
export function Panel(props: PanelProps): JSX.Element {
  return (
    <section class="panel" classList={{ narrow: props.narrow === true }}>
      <Show when={props.title}>{(title) => <h2>{title()}</h2>}</Show>
      {props.children}
    </section>
  )
}
