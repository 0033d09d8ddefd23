import { createMemo, createSignal, onCleanup, type Accessor } from 'solid-js'

export interface Router {
  /** The address within our origin, without the fragment: `/users?text=a`. */
  readonly address: Accessor<string>
  readonly path: Accessor<string>
  readonly query: Accessor<URLSearchParams>
  go(to: string, replace?: boolean): void
  /** The fragment, which is taken out of the address at once: links carry secrets in it. */
  takeFragment(): string
}

/** The address of the page as a signal. Plain links of ours change it without loading the page anew. */
export function createRouter(): Router {
  const read = () => location.pathname + location.search
  const [address, setAddress] = createSignal(read())

  const moved = () => setAddress(read())
  const clicked = (event: MouseEvent) => {
    const to = ownLink(event)
    if (to === undefined) return
    event.preventDefault()
    go(to)
  }
  addEventListener('popstate', moved)
  document.addEventListener('click', clicked)
  onCleanup(() => {
    removeEventListener('popstate', moved)
    document.removeEventListener('click', clicked)
  })

  function go(to: string, replace = false): void {
    if (to === read()) return
    if (replace) history.replaceState(null, '', to)
    else history.pushState(null, '', to)
    setAddress(to)
    scrollTo(0, 0)
  }

  const path = createMemo(() => address().split('?', 1)[0] ?? '/')
  const query = createMemo(() => new URLSearchParams(address().split('?')[1] ?? ''))
  return {
    address,
    path,
    query,
    go,
    takeFragment() {
      const fragment = location.hash.slice(1)
      if (fragment !== '') history.replaceState(null, '', read())
      return fragment
    },
  }
}

/** Where a click leads, if it is a plain one on a link to another screen of ours. */
function ownLink(event: MouseEvent): string | undefined {
  const modified = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button !== 0
  const link = event.target instanceof Element ? event.target.closest('a') : null
  if (modified || event.defaultPrevented || link === null) return undefined
  if (link.origin !== location.origin || link.target !== '' || link.hasAttribute('download')) return undefined
  return link.pathname + link.search
}
