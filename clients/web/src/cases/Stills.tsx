import { createMemo, createSignal, For, Show, type JSX } from 'solid-js'
import type { CameraItem } from '../api/cameras'
import { recording, type CaseStill } from '../api/recording'
import { mayWith } from '../api/rights'
import { makeZone, SECOND } from '../lib/zone'
import { useApp } from '../ui/app'
import { createAction } from '../ui/createAction'
import { createData } from '../ui/createData'
import { Dialog } from '../ui/Dialog'
import type { Names } from '../ui/ExportRow'
import { Refusal } from '../ui/Form'
import { Panel } from '../ui/Page'
import { savePicture } from '../ui/savePicture'

export interface StillsProps {
  readonly case: string
  readonly city: string
  readonly cameras: readonly CameraItem[]
  readonly names: Names
  readonly nameOf: (by: string) => string
}

/** The pictures that a case keeps. Each that is looked at is a line of the audit, so none is fetched before it is in view. */
export function Stills(props: StillsProps): JSX.Element {
  const app = useApp()
  const [shown, setShown] = createSignal<CaseStill>()
  const list = createData(
    () => props.case,
    (id) => recording.stills(app.client, id),
  )
  const time = createCityTime(props)
  const name = (still: CaseStill) => props.names.get(still.camera) ?? still.camera
  const label = (still: CaseStill) => app.text('case.still', { name: name(still), time: time.text(still.at_us) })
  return (
    <Panel title={app.text('case.pictures')}>
      <Refusal error={list.error() ?? time.error()} />
      <ul class="stills" aria-label={app.text('case.pictures')}>
        <For each={list.value()} fallback={<Show when={!list.loading()}><li class="nothing">{app.text('case.pictures.none')}</li></Show>}>
          {(still) => (
            <li>
              <button type="button" class="still" onClick={() => setShown(still)}>
                <img src={recording.stillPicture(props.case, still.id)} alt={label(still)} loading="lazy" />
              </button>
              <small>{`${name(still)} · ${time.text(still.at_us)}`}</small>
              <span class="note-text">{still.text}</span>
              <small>{props.nameOf(still.by)}</small>
            </li>
          )}
        </For>
      </ul>
      <Show when={shown()} keyed>
        {(still) => <StillDialog case={props.case} still={still} name={name(still)} title={label(still)} onClose={() => { setShown(undefined) }} />}
      </Show>
    </Panel>
  )
}

/** Moments on the clock of the city. The server tells its zone with the timeline of any camera there; without, the page's clock is named. */
function createCityTime(props: StillsProps) {
  const app = useApp()
  const camera = createMemo(() => props.cameras.find((one) => one.city === props.city && mayWith(app.me(), 'playback.view', one))?.id)
  const zone = createData(() => camera(), async (id) => {
    const to_us = Date.now() * 1000
    const window = { from_us: to_us - SECOND, to_us, stream: 'main', zoom_us: SECOND } as const
    return id === undefined ? undefined : (await recording.timelines(app.client, [id], window))[0]?.time_zone
  })
  const format = createMemo(() => new Intl.DateTimeFormat(app.choice.language(), { dateStyle: 'short', timeStyle: 'long', ...named(zone.value()) }))
  return { text: (us: number) => format().format(us / 1000), error: zone.error }
}

const named = (zone: string | undefined) => (zone === undefined ? {} : { timeZone: makeZone(zone).name })

interface StillDialogProps {
  readonly case: string
  readonly still: CaseStill
  readonly name: string
  readonly title: string
  onClose(): void
}

/** One picture in full size. */
function StillDialog(props: StillDialogProps): JSX.Element {
  const app = useApp()
  const address = () => recording.stillPicture(props.case, props.still.id)
  const keep = createAction(() => savePicture(app.client, address(), props.name, props.still.at_us))
  return (
    <Dialog title={props.title} onClose={() => { props.onClose() }}>
      <img class="still-large" src={address()} alt={props.title} width={props.still.width} height={props.still.height} />
      <Show when={props.still.text !== ''}>
        <p class="note-text">{props.still.text}</p>
      </Show>
      <Refusal error={keep.error()} />
      <div class="buttons">
        <button type="button" class="button primary" disabled={keep.busy()} onClick={() => void keep.run()}>
          {app.text('export.download')}
        </button>
        <button type="button" class="button plain" onClick={() => { props.onClose() }}>
          {app.text('help.close')}
        </button>
      </div>
    </Dialog>
  )
}
