import type { JSX } from 'solid-js'

/** The product's sign. */
export function Mark(): JSX.Element {
  return (
    <svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
      <circle cx="16" cy="16" r="12" fill="none" stroke="currentColor" stroke-width="3" />
      <circle cx="16" cy="16" r="4.5" fill="currentColor" />
    </svg>
  )
}
