import { createSignal, createUniqueId, For, onCleanup, onMount, Show, type JSX } from 'solid-js'
import type { Key } from '../i18n/en'
import { useApp } from './app'
import { LanguageSelect } from './LanguageSelect'
import { Mark } from './Mark'

interface Link {
  readonly to: string
  readonly text: Key
  /** Shown to who holds one of these somewhere; always, where there are none. */
  readonly functions: readonly string[]
}

const LINKS: readonly Link[] = [
  { to: '/', text: 'nav.wall', functions: [] },
  { to: '/playback', text: 'nav.playback', functions: ['playback.view'] },
  { to: '/exports', text: 'nav.exports', functions: ['clip.export'] },
  { to: '/cases', text: 'nav.cases', functions: ['recording.hold'] },
  { to: '/cameras', text: 'nav.cameras', functions: ['camera.read', 'camera.manage'] },
  { to: '/places', text: 'nav.places', functions: ['group.manage'] },
  { to: '/users', text: 'nav.users', functions: ['user.read', 'user.manage'] },
  { to: '/roles', text: 'nav.roles', functions: ['role.manage', 'user.manage'] },
  { to: '/cities', text: 'nav.cities', functions: ['city.read', 'city.manage'] },
  { to: '/storage', text: 'nav.storage', functions: ['system.read', 'system.manage'] },
  { to: '/audit', text: 'nav.audit', functions: ['audit.read'] },
]

export interface HeaderProps {
  /** What stands beside the product's name. */
  readonly summary?: string
  readonly open?: boolean
  /** Where the screen has keys of its own to explain. */
  readonly onHelp?: () => void
}

export function Header(props: HeaderProps): JSX.Element {
  const app = useApp()
  const menu = createUniqueId()
  const [isOpen, setOpen] = createSignal(false)
  let whole: HTMLElement | undefined
  const close = (event: Event) => {
    const elsewhere = event.target instanceof Node && whole?.contains(event.target) === false
    if (event instanceof KeyboardEvent ? event.key === 'Escape' : elsewhere) setOpen(false)
  }
  onMount(() => {
    for (const kind of ['pointerdown', 'keydown'] as const) document.addEventListener(kind, close)
    onCleanup(() => {
      for (const kind of ['pointerdown', 'keydown'] as const) document.removeEventListener(kind, close)
    })
  })
  return (
    <header class="header" ref={whole}>
      <div class="brand">
        <Mark />
        <span class="product">VMS Enterprise</span>
      </div>
      <Show when={props.summary !== undefined}>
        <span class="summary" role="status">
          {props.summary}
        </span>
      </Show>
      <Show when={props.open}>
        <p class="open-mode">{app.text('open.banner')}</p>
      </Show>
      {/* On a telephone all of this opens as a menu below the one row. */}
      <button
        type="button"
        class="button icon menu-button"
        aria-label={app.text('nav.menu')}
        aria-expanded={isOpen()}
        aria-controls={menu}
        onClick={() => setOpen((open) => !open)}
      >
        ☰
      </button>
      <div class="menu" id={menu} classList={{ open: isOpen() }}>
        <Show when={app.me() !== undefined}>
          <Navigation />
        </Show>
        <div class="tools">
          <LanguageSelect />
          <Show when={app.me()}>{(me) => <Account name={me().user?.name ?? me().id} />}</Show>
          <Show when={props.onHelp}>
            {(help) => (
              <button
                type="button"
                class="button icon"
                aria-label={app.text('help.open')}
                title={app.text('help.open')}
                onClick={() => {
                  help()()
                }}
              >
                ?
              </button>
            )}
          </Show>
        </div>
      </div>
    </header>
  )
}

function Navigation(): JSX.Element {
  const app = useApp()
  const shown = () => LINKS.filter((link) => link.functions.length === 0 || app.may(...link.functions))
  const isHere = (to: string) => app.router.path() === to || (to !== '/' && app.router.path().startsWith(`${to}/`))
  return (
    <nav class="navigation" aria-label={app.text('nav.label')}>
      <For each={shown()}>
        {(link) => (
          <a
            href={link.to}
            aria-current={isHere(link.to) ? 'page' : undefined}
          >
            {app.text(link.text)}
          </a>
        )}
      </For>
    </nav>
  )
}

function Account(props: { readonly name: string }): JSX.Element {
  const app = useApp()
  return (
    <>
      <a
        class="button account"
        href="/account"
        title={app.text('nav.account')}
        aria-label={app.text('nav.account.of', { name: props.name })}
        aria-current={app.router.path() === '/account' ? 'page' : undefined}
      >
        {props.name}
      </a>
      <button type="button" class="button" onClick={() => void app.session.signOut().catch(() => app.session.start())}>
        {app.text('nav.sign_out')}
      </button>
    </>
  )
}
