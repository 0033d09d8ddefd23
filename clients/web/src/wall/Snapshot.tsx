import { createSignal, Show, type JSX } from 'solid-js'
import { addressOf } from '../api/client'
import type { StreamName } from '../api/streams'
import { useApp } from '../ui/app'
import { createAction } from '../ui/createAction'
import { savePicture } from '../ui/savePicture'

export interface SnapshotProps {
  readonly camera: string
  readonly name: string
  readonly stream: StreamName
}

/** Saves the picture of now as a file, and says under which name, or why not. */
export function Snapshot(props: SnapshotProps): JSX.Element {
  const app = useApp()
  const [done, setDone] = createSignal('')
  const action = createAction(async () => {
    setDone('')
    const path = addressOf(`/cameras/${encodeURIComponent(props.camera)}/snapshot.jpg`, { stream: props.stream })
    setDone(await savePicture(app.client, path, props.name, Date.now() * 1000))
  })
  return (
    <div class="snapshot">
      <button
        type="button"
        class="button"
        title={app.text('tile.snapshot.title')}
        disabled={action.busy()}
        onClick={() => void action.run()}
      >
        {app.text('tile.snapshot')}
      </button>
      <Show when={done()}>{(name) => <span role="status">{app.text('tile.snapshot.done', { name: name() })}</span>}</Show>
      <Show when={action.error()}>{(error) => <b role="alert">{app.t().problem(error())}</b>}</Show>
    </div>
  )
}
