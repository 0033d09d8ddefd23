import { createMemo, For, Show, type JSX } from 'solid-js'
import type { StreamName } from '../api/streams'
import { fitGrid } from '../lib/grid'
import type { PlaybackToken } from '../player/groups'
import type { Playback as Player, PlaybackOptions, PlaybackState } from '../player/playback'
import { useApp } from '../ui/app'
import { createSize } from '../ui/createSize'
import type { ReactiveDesk } from './createDesk'
import type { Recorded } from './createRecorded'
import type { Stage } from './createStage'
import { PlaybackTile } from './PlaybackTile'

/** Between tiles, in CSS pixels. */
const GAP = 6

export interface PicturesProps {
  readonly stage: Stage
  readonly desk: ReactiveDesk
  readonly recorded: Recorded
  readonly names: ReadonlyMap<string, string>
  readonly muted: boolean
  readonly token: (camera: string, stream: StreamName) => PlaybackToken
  readonly make: ((options: PlaybackOptions) => Player) | undefined
  onState(camera: string, state: PlaybackState): void
  onChoose(): void
}

/** The pictures of one page of the chosen cameras, and places for more. */
export function Pictures(props: PicturesProps): JSX.Element {
  const app = useApp()
  let area: HTMLElement | undefined
  const size = createSize(() => area)
  const grid = createMemo(() => fitGrid(props.stage.places(), size().width, size().height, GAP))
  const empty = createMemo(() => Array.from({ length: Math.max(0, props.stage.places() - props.stage.shown().length) }))
  const pages = () => props.stage.page()
  return (
    <section class="area" ref={area} aria-label={app.text('play.pictures')}>
      <div class="grid" style={{ '--gap': `${grid().gap}px`, '--columns': grid().columns, '--tile-width': `${grid().width}px`, '--tile-height': `${grid().height}px` }}>
        <For each={props.stage.shown()}>
          {(id) => (
            <PlaybackTile
              id={id}
              name={props.names.get(id) ?? id}
              desk={props.desk}
              small={props.stage.places() > 1}
              focused={props.stage.focused() === id}
              muted={props.muted}
              token={(stream) => props.token(id, stream)}
              known={(us) => props.recorded.known(id, us)}
              foresee={(stream, us) => props.recorded.foresee(id, stream, us)}
              zoomed={props.stage.zoomed(id)}
              make={props.make}
              onFocus={() => { props.stage.focus(id) }}
              onEnlarge={() => { props.stage.enlarge(id) }}
              onZoom={(next) => { props.stage.zoom(id, next) }}
              onState={(state) => { props.onState(id, state) }}
            />
          )}
        </For>
        <Show when={props.stage.chosen().length > 0}>
          <For each={empty()}>
            {() => (
              <button type="button" class="tile place" aria-label={app.text('play.cameras')} onClick={() => { props.onChoose() }}>
                +
              </button>
            )}
          </For>
        </Show>
      </div>
      <Show when={props.stage.chosen().length === 0}>
        <div class="empty">
          <p>{app.text('play.choose')}</p>
          <button type="button" class="button primary" onClick={() => { props.onChoose() }}>
            {app.text('play.cameras')}
          </button>
        </div>
      </Show>
      <Show when={pages().count > 1}>
        <div class="pages" role="group" aria-label={app.text('play.pages')}>
          <button type="button" class="button icon" aria-label={app.text('play.page.before')} disabled={pages().index === 0} onClick={() => { props.stage.turn(-1) }}>
            ‹
          </button>
          <span>{app.text('play.page', { page: pages().index + 1, count: pages().count })}</span>
          <button type="button" class="button icon" aria-label={app.text('play.page.after')} disabled={pages().index === pages().count - 1} onClick={() => { props.stage.turn(1) }}>
            ›
          </button>
        </div>
      </Show>
    </section>
  )
}
