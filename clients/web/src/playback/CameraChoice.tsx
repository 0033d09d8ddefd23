import { createMemo, createSignal, For, type JSX } from 'solid-js'
import type { CameraItem } from '../api/cameras'
import { useApp } from '../ui/app'
import { Dialog } from '../ui/Dialog'
import { Check, Field } from '../ui/Field'

/** At most so many are played at once. */
export const MOST_TILES = 16

export interface CameraChoiceProps {
  readonly all: readonly CameraItem[]
  readonly chosen: readonly string[]
  onChange(chosen: readonly string[]): void
  onClose(): void
}

/** Which cameras are played: up to sixteen. */
export function CameraChoice(props: CameraChoiceProps): JSX.Element {
  const app = useApp()
  const [wanted, setWanted] = createSignal('')
  const shown = createMemo(() => props.all.filter((camera) => camera.name.toLowerCase().includes(wanted().trim().toLowerCase())))
  const full = () => props.chosen.length >= MOST_TILES
  return (
    <Dialog title={app.text('play.cameras')} onClose={() => { props.onClose() }}>
      <Field label={app.text('list.search')} type="search" value={wanted()} onInput={setWanted} />
      <p role="status">{app.text('play.cameras.count', { count: props.chosen.length, most: MOST_TILES })}</p>
      <div class="camera-choice" tabindex="0" role="group" aria-label={app.text('play.cameras')}>
        <For each={shown()}>
          {(camera) => (
            <Check
              label={camera.name}
              checked={props.chosen.includes(camera.id)}
              disabled={full() && !props.chosen.includes(camera.id)}
              onChange={(inside) => { props.onChange(inside ? [...props.chosen, camera.id] : props.chosen.filter((one) => one !== camera.id)) }}
            />
          )}
        </For>
      </div>
      <div class="buttons">
        <button type="button" class="button primary" onClick={() => { props.onClose() }}>
          {app.text('help.close')}
        </button>
      </div>
    </Dialog>
  )
}
