import { createMemo, createSignal, onCleanup, type Accessor } from 'solid-js'
import { createStore, reconcile } from 'solid-js/store'
import { makeEvents, type EventsOptions } from '../api/events'
import { camerasOf, mergeStreams, type Camera } from './cameras'

export interface Cameras {
  readonly all: readonly Camera[]
  /** Ids in order; changes only when cameras come or go. */
  readonly ids: Accessor<readonly string[]>
  /** Undefined until the server has answered or failed to for the first time. */
  readonly connected: Accessor<boolean | undefined>
  /** True once the cameras have been listed. */
  readonly listed: Accessor<boolean>
  /** How often the server has come back. */
  readonly returns: Accessor<number>
}

/** All cameras with the state of their streams, kept up to date for as long as the owner lives. */
export function createCameras(make: (options: EventsOptions) => { close(): void } = makeEvents): Cameras {
  const [all, setAll] = createStore<Camera[]>([])
  const [connected, setConnected] = createSignal<boolean>()
  const [listed, setListed] = createSignal(false)
  const [returns, setReturns] = createSignal(0)

  function set(cameras: Camera[]): void {
    setAll(reconcile(cameras, { key: 'id' }))
  }

  const events = make({
    onSnapshot(streams) {
      set(camerasOf(streams))
      setListed(true)
    },
    onStreams(streams) {
      set(mergeStreams(all, streams))
    },
    onConnected(value) {
      if (value && connected() === false) setReturns((count) => count + 1)
      setConnected(value)
    },
  })
  onCleanup(() => {
    events.close()
  })

  const ids = createMemo(() => all.map((camera) => camera.id), [], { equals: sameList })
  return { all, ids, connected, listed, returns }
}

function sameList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((id, index) => id === other[index])
}
