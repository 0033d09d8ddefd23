import { createComponent, createEffect, createMemo, createSignal, onCleanup, Show, Suspense, type JSX } from 'solid-js'
import type { SessionState } from './api/session'
import { makeBackoff } from './lib/backoff'
import { isOwnPath, matchPath } from './lib/where'
import { ENROL, ROUTES, SIGN_IN, type Route } from './routes'
import { AppProvider, createApp, type App as Application, type MakeSession } from './ui/app'
import { Missing } from './ui/Missing'

export interface AppProps {
  readonly session?: MakeSession
  readonly routes?: readonly Route[]
}

/** The page: the screen that the address names, for who may see it. */
export function App(props: AppProps): JSX.Element {
  // Fixed for the life of the page.
  // eslint-disable-next-line solid/reactivity
  const app = createApp(props.session)
  // eslint-disable-next-line solid/reactivity
  const routes = props.routes ?? ROUTES
  const silent = createStart(app)
  const found = createMemo(() => {
    for (const route of routes) {
      const values = matchPath(route.pattern, app.router.path())
      if (values !== undefined) return { route, values }
    }
    return undefined
  })
  /** Where one belongs instead; undefined where one is right. */
  const instead = createMemo(() => detour(app.state(), app.router.address(), found()?.route.door === true))
  createEffect(() => {
    const to = instead()
    if (to !== undefined) app.router.go(to, true)
  })
  const ready = () => app.state().kind !== 'starting' && instead() === undefined

  return (
    <AppProvider app={app}>
      <Show when={silent()}>
        <p class="offline" role="alert">
          {app.text('wall.offline')}
        </p>
      </Show>
      <Show when={ready()}>
        <Suspense>
          <Show when={found()} keyed fallback={<Missing />}>
            {(here) => createComponent(here.route.screen, here.values)}
          </Show>
        </Suspense>
      </Show>
    </AppProvider>
  )
}

/** Asks who is signed in until the server answers; true while it does not. */
function createStart(app: Application): () => boolean {
  const [silent, setSilent] = createSignal(false)
  const retry = makeBackoff({ first: 500, most: 10_000 })
  let timer: ReturnType<typeof setTimeout> | undefined
  function start(): void {
    app.session.start().then(
      () => setSilent(false),
      () => {
        setSilent(true)
        timer = setTimeout(start, retry.next())
      },
    )
  }
  start()
  onCleanup(() => {
    clearTimeout(timer)
  })
  return silent
}

/** Where somebody has to go before he may be where he is. */
export function detour(state: SessionState, address: string, door: boolean): string | undefined {
  const path = address.split('?', 1)[0] ?? '/'
  switch (state.kind) {
    case 'starting':
      return undefined
    case 'open':
      return path === '/' ? undefined : '/'
    case 'out': {
      if (door) return undefined
      return address === '/' ? SIGN_IN : `${SIGN_IN}?to=${encodeURIComponent(address)}`
    }
    case 'in': {
      if (state.me.must_enrol) return path === ENROL ? undefined : ENROL
      if (!door) return undefined
      const wanted = new URLSearchParams(address.split('?')[1]).get('to')
      return path === SIGN_IN && isOwnPath(wanted) ? wanted : '/'
    }
  }
}
