export interface BackoffOptions {
  /** First delay, in milliseconds. */
  readonly first: number
  /** No delay is longer than this, in milliseconds. */
  readonly most: number
  /** A number in [0, 1); a parameter so that tests are exact. */
  readonly random?: () => number
}

export interface Backoff {
  /** The delay before the next try, in milliseconds. */
  next(): number
  /** Call once a try has worked. */
  reset(): void
}

/**
 * Delays that double, each drawn from the upper half of its range: when a
 * server comes back, a thousand pages must not all return in the same instant.
 */
export function makeBackoff(options: BackoffOptions): Backoff {
  const random = options.random ?? Math.random
  let ceiling = options.first
  return {
    next() {
      const delay = ceiling / 2 + (random() * ceiling) / 2
      ceiling = Math.min(ceiling * 2, options.most)
      return delay
    },
    reset() {
      ceiling = options.first
    },
  }
}
