import { For, Show, type JSX } from 'solid-js'
import type { Zone } from '../lib/zone'
import { useApp } from '../ui/app'
import { Calendar } from './Calendar'
import { LAYOUTS, type Stage } from './createStage'
import { Jumps } from './Jumps'
import { ManualButton } from './ManualButton'
import type { Goal } from './search'
import type { Chosen } from './TakeAway'

/** What opens over the pictures, and what opens below them. */
export type Opening = 'cameras' | 'export' | 'hold' | 'bookmark' | 'still' | 'help'
export type Listing = 'exports' | 'bookmarks'

/** What somebody may do with a camera that is chosen. */
export interface Rights {
  readonly take: boolean
  readonly hold: boolean
  readonly manage: boolean
}

export interface ToolsProps {
  readonly stage: Stage
  readonly rights: Rights
  readonly position: number
  readonly zone: Zone
  readonly focused: Chosen | undefined
  readonly hasPicture: boolean
  readonly mayKeepPicture: boolean
  readonly hasRange: boolean
  readonly listed: Listing | undefined
  onOpen(what: Opening): void
  onList(what: Listing): void
  onVisit(us: number): void
  onNow(): void
  onGo(goal: Goal, forward: boolean): void
  onRange(): void
  onSnapshot(): void
  onWhole(): void
  onError(error: unknown): void
}

/** All that one does on the screen but play. */
export function Tools(props: ToolsProps): JSX.Element {
  const app = useApp()
  const text = app.text
  const none = () => props.focused === undefined
  const closer = () => props.stage.zoomed(props.stage.focused()).scale > 1
  return (
    <>
      <div class="buttons tools-line">
        <button type="button" class="button" onClick={() => { props.onOpen('cameras') }}>
          {text('play.cameras.open', { count: props.stage.chosen().length })}
        </button>
        <span class="joined" role="group" aria-label={text('play.layout')}>
          <For each={LAYOUTS}>
            {(one) => (
              <button
                type="button"
                class="button icon"
                aria-pressed={props.stage.layout() === one}
                aria-label={text('play.layout.of', { count: one })}
                title={text('play.layout.of', { count: one })}
                onClick={() => { props.stage.setLayout(one) }}
              >
                {one}
              </button>
            )}
          </For>
        </span>
        <Show when={props.stage.layout() === 1 && props.stage.chosen().length > 1}>
          <button type="button" class="button" onClick={() => { props.stage.leave() }}>
            {text('play.all')}
          </button>
        </Show>
        <Show when={closer()}>
          <button type="button" class="button" onClick={() => { props.onWhole() }}>
            {text('play.whole')}
          </button>
        </Show>
        <Calendar cameras={props.stage.chosen()} position={props.position} zone={props.zone} onChoose={(us) => { props.onVisit(us) }} />
        <button type="button" class="button" onClick={() => { props.onNow() }}>
          {text('play.now')}
        </button>
        <Jumps disabled={none()} onGo={(goal, forward) => { props.onGo(goal, forward) }} />
      </div>
      <div class="buttons tools-line">
        <button type="button" class="button" aria-pressed={props.hasRange} onClick={() => { props.onRange() }}>
          {text('play.range')}
        </button>
        <Show when={props.rights.take}>
          <button type="button" class="button primary" disabled={none()} onClick={() => { props.onOpen('export') }}>
            {text('export.open')}
          </button>
          <button type="button" class="button" disabled={!props.hasPicture} onClick={() => { props.onSnapshot() }}>
            {text('play.snapshot')}
          </button>
        </Show>
        <button type="button" class="button" disabled={none()} onClick={() => { props.onOpen('bookmark') }}>
          {text('bookmark.open')}
        </button>
        <Show when={props.rights.hold}>
          <button type="button" class="button" disabled={none()} onClick={() => { props.onOpen('hold') }}>
            {text('hold.open')}
          </button>
        </Show>
        <Show when={props.mayKeepPicture}>
          <button type="button" class="button" disabled={!props.hasPicture} onClick={() => { props.onOpen('still') }}>
            {text('still.open')}
          </button>
        </Show>
        <Show when={props.rights.manage && props.focused} keyed>
          {(tile) => <ManualButton camera={tile.id} onError={(error) => { props.onError(error) }} />}
        </Show>
        <button type="button" class="button" disabled={none()} aria-expanded={props.listed === 'bookmarks'} onClick={() => { props.onList('bookmarks') }}>
          {text('bookmark.open.list')}
        </button>
        <Show when={props.rights.take}>
          <button type="button" class="button" aria-expanded={props.listed === 'exports'} onClick={() => { props.onList('exports') }}>
            {text('export.list')}
          </button>
        </Show>
      </div>
    </>
  )
}
