import { createEffect, createSignal, on, onCleanup, type Accessor } from 'solid-js'
import type { Page } from '../api/client'

export interface Data<T> {
  readonly value: Accessor<T | undefined>
  readonly error: Accessor<unknown>
  readonly loading: Accessor<boolean>
  readonly reload: () => void
  readonly set: (value: T) => void
}

/** What the server says, asked anew whenever `key` changes. A late answer to an older question is dropped. */
export function createData<K, T>(key: Accessor<K>, load: (key: K) => Promise<T>): Data<T> {
  const [value, setValue] = createSignal<T>()
  const [error, setError] = createSignal<unknown>()
  const [loading, setLoading] = createSignal(true)
  const [asked, ask] = createSignal(0)
  createEffect(
    on([key, asked], ([now]) => {
      let current = true
      setLoading(true)
      load(now).then(
        (found) => {
          if (!current) return
          setError(undefined)
          setValue(() => found)
          setLoading(false)
        },
        (refusal: unknown) => {
          if (!current) return
          setError(() => refusal)
          setLoading(false)
        },
      )
      onCleanup(() => {
        current = false
      })
    }),
  )
  return {
    value,
    error,
    loading,
    reload: () => ask((count) => count + 1),
    set: (next) => setValue(() => next),
  }
}

export interface Pages<T> {
  readonly items: Accessor<readonly T[]>
  readonly error: Accessor<unknown>
  readonly loading: Accessor<boolean>
  readonly hasMore: Accessor<boolean>
  readonly more: () => void
  readonly reload: () => void
}

/** A list of which one page after the other is asked for. */
export function createPages<K, T>(
  key: Accessor<K>,
  load: (key: K, cursor: string | undefined) => Promise<Page<T>>,
): Pages<T> {
  const [items, setItems] = createSignal<readonly T[]>([])
  const [next, setNext] = createSignal<string | null>(null)
  const [more, setMore] = createSignal<unknown>()
  const [adding, setAdding] = createSignal(false)
  const first = createData(key, (now) => load(now, undefined))
  createEffect(() => {
    const page = first.value()
    setItems(page?.items ?? [])
    setNext(page?.next ?? null)
  })
  async function add(): Promise<void> {
    const cursor = next()
    const page = first.value()
    if (cursor === null || adding()) return
    setAdding(true)
    setMore(undefined)
    try {
      const found = await load(key(), cursor)
      // The list may have been asked for anew meanwhile.
      if (first.value() !== page) return
      setItems((now) => [...now, ...found.items])
      setNext(found.next)
    } catch (refusal) {
      setMore(refusal)
    } finally {
      setAdding(false)
    }
  }
  return {
    items,
    error: () => first.error() ?? more(),
    loading: () => first.loading() || adding(),
    hasMore: () => next() !== null,
    more: () => void add(),
    reload: first.reload,
  }
}
