import { Show, type JSX } from 'solid-js'
import { recording, type ManualAction } from '../api/recording'
import { useApp } from '../ui/app'
import { createAction } from '../ui/createAction'
import { createData } from '../ui/createData'

/** Records a camera by hand, or no longer; says what runs now. */
export function ManualButton(props: { readonly camera: string; onError(error: unknown): void }): JSX.Element {
  const app = useApp()
  const rule = createData(
    () => props.camera,
    (camera) => recording.rule(app.client, camera),
  )
  const runs = () => rule.value()?.now.main === 'continuous'
  const next = (): ManualAction => {
    const view = rule.value()
    if (view?.manual) return 'release'
    return runs() ? 'stop' : 'start'
  }
  const act = createAction(async () => {
    try {
      rule.set(await recording.manual(app.client, props.camera, next()))
    } catch (error) {
      props.onError(error)
    }
  })
  return (
    <Show when={rule.value()}>
      <button type="button" class="button" disabled={act.busy()} title={app.text('manual.title')} onClick={() => void act.run()}>
        <span class="dot" classList={{ bad: runs(), off: !runs() }} /> {app.text(`manual.${next()}`)}
      </button>
    </Show>
  )
}
