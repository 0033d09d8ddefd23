import { createSignal, type Accessor } from 'solid-js'

export interface Action<A extends readonly unknown[] = []> {
  /** True while the server has not answered. */
  readonly busy: Accessor<boolean>
  /** What the last attempt was refused with. */
  readonly error: Accessor<unknown>
  /** Does it, unless it is being done already; true once it is done. */
  readonly run: (...given: A) => Promise<boolean>
  readonly forget: () => void
}

/** Something a person sets off: one at a time, with its refusal told. */
export function createAction<A extends readonly unknown[]>(work: (...given: A) => Promise<unknown>): Action<A> {
  const [busy, setBusy] = createSignal(false)
  const [error, setError] = createSignal<unknown>()
  return {
    busy,
    error,
    forget: () => {
      setError(undefined)
    },
    async run(...given) {
      if (busy()) return false
      setBusy(true)
      setError(undefined)
      try {
        await work(...given)
        return true
      } catch (refusal) {
        setError(() => refusal)
        return false
      } finally {
        setBusy(false)
      }
    },
  }
}
