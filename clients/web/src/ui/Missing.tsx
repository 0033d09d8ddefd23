import type { JSX } from 'solid-js'
import { useApp } from './app'
import { Header } from './Header'

/** No screen has this address. */
export function Missing(): JSX.Element {
  const app = useApp()
  return (
    <>
      <Header />
      <main class="page">
        <h1>{app.text('missing.title')}</h1>
        <p>
          <a href="/">{app.text('missing.back')}</a>
        </p>
      </main>
    </>
  )
}
