import { batch, createSignal, onCleanup, type Accessor } from 'solid-js'
import { makeClock } from '../player/clock'
import { makeDesk } from '../player/desk'
import type { Playback } from '../player/playback'
import { showPlayback } from '../player/registry'

export interface ReactiveDesk {
  readonly position: Accessor<number>
  readonly rate: Accessor<number>
  readonly wanted: Accessor<boolean>
  /** Wanted, and waiting for pictures. */
  readonly waiting: Accessor<boolean>
  /** The gap that was jumped over last. */
  readonly jumped: Accessor<{ readonly from: number; readonly to: number } | undefined>
  add(id: string, playback: Playback): () => void
  seek(us: number): void
  want(run: boolean): void
  setRate(rate: number): void
  step(id: string, forward: boolean): Promise<void>
}

/** How long it is told that a gap was jumped over. */
const TOLD_MS = 6000

/** The desk that leads every picture of the screen, for as long as its owner lives. */
export function createDesk(at: number, turns: (turn: () => void) => () => void = eachFrame): ReactiveDesk {
  const clock = makeClock(at)
  const desk = makeDesk(clock)
  const [position, setPosition] = createSignal(at)
  const [rate, setRate] = createSignal(1)
  const [wanted, setWanted] = createSignal(false)
  const [waiting, setWaiting] = createSignal(false)
  const [jumped, setJumped] = createSignal<{ from: number; to: number }>()
  let forget: ReturnType<typeof setTimeout> | undefined

  function tell(): void {
    batch(() => {
      setPosition(clock.position())
      setRate(clock.rate())
      setWanted(clock.wanted())
      setWaiting(clock.wanted() && !clock.running())
    })
  }
  desk.onJump((from, to) => {
    setJumped({ from, to })
    clearTimeout(forget)
    forget = setTimeout(() => {
      setJumped(undefined)
    }, TOLD_MS)
  })
  const stop = turns(() => {
    desk.turn()
    tell()
  })
  const hide = showPlayback(() => clock.position(), () => desk.marks())
  onCleanup(() => {
    stop()
    hide()
    clearTimeout(forget)
  })

  return {
    position,
    rate,
    wanted,
    waiting,
    jumped,
    add: (id, playback) => desk.add(id, playback),
    seek(us) {
      desk.seek(us)
      tell()
    },
    want(run) {
      desk.want(run)
      tell()
    },
    setRate(next) {
      desk.setRate(next)
      tell()
    },
    async step(id, forward) {
      await desk.step(id, forward)
      tell()
    },
  }
}

/** With every picture of the screen; where the page is hidden the browser stops it, and nobody looks. */
function eachFrame(turn: () => void): () => void {
  let handle = requestAnimationFrame(function again() {
    turn()
    handle = requestAnimationFrame(again)
  })
  return () => {
    cancelAnimationFrame(handle)
  }
}
