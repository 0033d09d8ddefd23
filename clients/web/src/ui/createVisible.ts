import { createSignal, onCleanup, type Accessor } from 'solid-js'

/** Whether the page can be seen: not one of another tab, not a window that is put away. */
export function createVisible(): Accessor<boolean> {
  const [visible, setVisible] = createSignal(!document.hidden)
  const changed = () => {
    setVisible(!document.hidden)
  }
  document.addEventListener('visibilitychange', changed)
  onCleanup(() => {
    document.removeEventListener('visibilitychange', changed)
  })
  return visible
}
