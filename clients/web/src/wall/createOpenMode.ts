import { createEffect, createSignal, on, type Accessor } from 'solid-js'
import { readVersion, type Version } from '../api/version'

/** Whether the server asks nobody for a name; asked again each time it comes back. */
export function createOpenMode(
  returns: Accessor<number>,
  read: () => Promise<Version> = readVersion,
): Accessor<boolean> {
  const [open, setOpen] = createSignal(false)
  createEffect(
    on(returns, () => {
      read().then(
        (version) => setOpen(version.open),
        // The wall itself says when the server does not answer; it is asked again on its return.
        () => undefined,
      )
    }),
  )
  return open
}
