import { createContext, createSignal, onCleanup, useContext, type Accessor, type JSX } from 'solid-js'
import type { Client } from '../api/client'
import { may } from '../api/rights'
import { makeSession, type Me, type Session, type SessionOptions, type SessionState } from '../api/session'
import { createLanguage, type LanguageChoice } from '../i18n/createLanguage'
import type { Key } from '../i18n/en'
import type { Values } from '../api/reason'
import type { Translator } from '../i18n/translate'
import { createRouter, type Router } from './createRouter'

/** What every screen has at hand. */
export interface App {
  readonly router: Router
  readonly session: Session
  readonly client: Client
  readonly state: Accessor<SessionState>
  /** Undefined where nobody is signed in. */
  readonly me: Accessor<Me | undefined>
  readonly choice: LanguageChoice
  readonly t: Accessor<Translator>
  readonly text: (key: Key, values?: Values) => string
  readonly may: (...functions: readonly string[]) => boolean
}

const Context = createContext<App>()

export type MakeSession = (options: SessionOptions) => Session

export function createApp(make: MakeSession = makeSession): App {
  const [state, setState] = createSignal<SessionState>({ kind: 'starting' })
  const session = make({ onState: setState })
  const router = createRouter()
  const choice = createLanguage()
  onCleanup(() => {
    session.close()
  })
  const me = () => {
    const now = state()
    return now.kind === 'in' ? now.me : undefined
  }
  return {
    router,
    session,
    client: session.client,
    state,
    me,
    choice,
    t: choice.translator,
    text: (key, values) => choice.translator().text(key, values),
    may: (...functions) => may(me(), ...functions),
  }
}

export function AppProvider(props: { readonly app: App; readonly children: JSX.Element }): JSX.Element {
  // There is one for the life of the page.
  // eslint-disable-next-line solid/reactivity
  return <Context.Provider value={props.app}>{props.children}</Context.Provider>
}

export function useApp(): App {
  const app = useContext(Context)
  if (app === undefined) throw new Error('this part of the page stands outside of the application')
  return app
}
