import { createEffect, createMemo, createSignal, onCleanup, type Accessor } from 'solid-js'
import { recording } from '../api/recording'
import { useApp } from '../ui/app'

export interface Wanted {
  readonly camera: string
  readonly at: number
}

/** A pointer that rests so long wants a picture. */
const REST_MS = 60
/** So many pictures are kept. */
const KEPT = 80
const WIDTH = 192

/** The address of the picture of a moment, once it is there. A request that is no longer wanted is given up. */
export function createPreview(wanted: Accessor<Wanted | undefined>): Accessor<string | undefined> {
  const app = useApp()
  const [address, setAddress] = createSignal<string>()
  const kept = new Map<string, string>()
  const key = createMemo(() => {
    const one = wanted()
    return one === undefined ? undefined : recording.picture(one.camera, one.at, WIDTH)
  })

  function keep(name: string, content: Blob): string {
    const made = URL.createObjectURL(content)
    kept.set(name, made)
    const oldest = kept.entries().next().value
    if (kept.size > KEPT && oldest !== undefined) {
      kept.delete(oldest[0])
      URL.revokeObjectURL(oldest[1])
    }
    return made
  }

  createEffect(() => {
    const name = key()
    if (name === undefined) {
      setAddress(undefined)
      return
    }
    const known = kept.get(name)
    if (known !== undefined) {
      setAddress(known)
      return
    }
    // The picture of another moment must not stand beside this one's time.
    setAddress(undefined)
    const stop = new AbortController()
    const timer = setTimeout(() => {
      app.client
        .send(name, { signal: stop.signal })
        .then(async (answer) => (answer.ok ? keep(name, await answer.blob()) : undefined))
        .then((found) => {
          if (!stop.signal.aborted) setAddress(found)
        })
        // No picture, or no longer wanted: the time alone is shown.
        .catch(() => undefined)
    }, REST_MS)
    onCleanup(() => {
      clearTimeout(timer)
      stop.abort()
    })
  })
  onCleanup(() => {
    for (const made of kept.values()) URL.revokeObjectURL(made)
  })
  return address
}
