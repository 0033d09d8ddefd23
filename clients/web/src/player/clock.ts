/** The one clock that all pictures of a playback follow. Positions are microseconds of UTC. */
export interface Clock {
  position(): number
  /** Times real time; below 0 backwards. */
  rate(): number
  /** Whether somebody wants it to run. */
  wanted(): boolean
  /** Whether it runs: wanted, and nothing holds it. */
  running(): boolean
  seek(us: number): void
  want(run: boolean): void
  setRate(rate: number): void
  /** Stops it for as long as pictures are waited for. */
  hold(held: boolean): void
}

/** `now` in milliseconds, never going back. */
export function makeClock(at: number, now: () => number = () => performance.now()): Clock {
  let base = at
  let since = now()
  let rate = 1
  let wanted = false
  let held = false

  const running = () => wanted && !held
  const position = () => (running() ? base + (now() - since) * 1000 * rate : base)
  /** Takes what has passed into account before anything changes. */
  function settle(change: () => void): void {
    base = position()
    since = now()
    change()
  }

  return {
    position: () => Math.round(position()),
    rate: () => rate,
    wanted: () => wanted,
    running,
    seek: (us) => {
      settle(() => (base = us))
    },
    want: (run) => {
      settle(() => (wanted = run))
    },
    setRate: (next) => {
      settle(() => (rate = next))
    },
    hold: (next) => {
      if (next !== held) settle(() => (held = next))
    },
  }
}

/** Speeds that can be chosen, slowest first; each also backwards. */
export const SPEEDS = [1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16] as const
/** Faster, and backwards, only key frames are fetched and shown. */
const FASTEST_WHOLE = 4

export function byKeys(rate: number): boolean {
  return rate < 0 || rate > FASTEST_WHOLE
}

/** The next speed up or down, in the direction that it has. */
export function nextSpeed(rate: number, up: boolean): number {
  const index = SPEEDS.findIndex((speed) => speed === Math.abs(rate)) + (up ? 1 : -1)
  return (SPEEDS[Math.min(Math.max(index, 0), SPEEDS.length - 1)] ?? 1) * Math.sign(rate)
}
