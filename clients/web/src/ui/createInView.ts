import { batch, createEffect, createMemo, onCleanup, untrack, type Accessor } from 'solid-js'
import { createStore } from 'solid-js/store'

export interface InView {
  /** Looks after an element for as long as its owner lives. */
  watch(id: string, element: Element): void
  has(id: string): boolean
}

/** Which elements have not been scrolled out of sight. While nothing scrolls, all of them count as seen at once. */
export function createInView(scrolls: Accessor<boolean>): InView {
  const [seen, setSeen] = createStore<Record<string, boolean | undefined>>({})
  const ids = new Map<Element, string>()
  const scrolling = createMemo(scrolls)
  let observer: IntersectionObserver | undefined

  createEffect(() => {
    if (!scrolling()) return
    const mine = new IntersectionObserver((entries) => {
      batch(() => {
        for (const { target, isIntersecting } of entries) {
          const id = ids.get(target)
          if (id !== undefined) setSeen(id, isIntersecting)
        }
      })
    })
    observer = mine
    for (const element of ids.keys()) mine.observe(element)
    onCleanup(() => {
      mine.disconnect()
      observer = undefined
      batch(() => {
        for (const id of ids.values()) setSeen(id, true)
      })
    })
  })

  return {
    watch(id, element) {
      ids.set(element, id)
      // Who is seen before anything scrolls is, until the browser says otherwise.
      setSeen(id, !untrack(scrolling))
      observer?.observe(element)
      onCleanup(() => {
        observer?.unobserve(element)
        ids.delete(element)
        setSeen(id, undefined)
      })
    },
    has: (id) => !scrolling() || seen[id] === true,
  }
}
