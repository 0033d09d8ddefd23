import { createSignal, onCleanup, onMount, type Accessor } from 'solid-js'

export interface Size {
  readonly width: number
  readonly height: number
}

/** The size of an element's content, in CSS pixels, as it changes. */
export function createSize(element: Accessor<HTMLElement | undefined>): Accessor<Size> {
  const [size, setSize] = createSignal<Size>({ width: 0, height: 0 })
  onMount(() => {
    const target = element()
    if (target === undefined) return
    setSize({ width: target.clientWidth, height: target.clientHeight })
    const observer = new ResizeObserver(() => {
      setSize({ width: target.clientWidth, height: target.clientHeight })
    })
    observer.observe(target)
    onCleanup(() => {
      observer.disconnect()
    })
  })
  return size
}
