import { For, Show, type JSX } from 'solid-js'
import { SPEEDS } from '../player/clock'
import { useApp } from '../ui/app'
import type { ReactiveDesk } from './createDesk'

export interface ControlsProps {
  readonly desk: ReactiveDesk
  readonly time: string
  /** Of which clock, where that is not the one of the page. */
  readonly zone: string
  readonly muted: boolean
  onStep(forward: boolean): void
  onSkip(seconds: number): void
  onMuted(muted: boolean): void
}

/** Play, pause, step, skip, speed. */
export function Controls(props: ControlsProps): JSX.Element {
  const app = useApp()
  const backwards = () => props.desk.rate() < 0
  const speed = () => Math.abs(props.desk.rate())

  function run(back: boolean): void {
    if (props.desk.wanted() && backwards() === back) {
      props.desk.want(false)
      return
    }
    props.desk.setRate(back ? -speed() : speed())
    props.desk.want(true)
  }

  return (
    <div class="controls" role="toolbar" aria-label={app.text('play.controls')}>
      <Press sign="−10" label={app.text('play.skip.back')} onPress={() => { props.onSkip(-10) }} />
      <Press sign="step_back" label={app.text('play.step.back')} onPress={() => { props.onStep(false) }} />
      <Press sign={props.desk.wanted() && backwards() ? 'pause' : 'back'} label={app.text(props.desk.wanted() && backwards() ? 'play.pause' : 'play.backwards')} onPress={() => { run(true) }} />
      <Press
        sign={props.desk.wanted() && !backwards() ? 'pause' : 'play'}
        label={app.text(props.desk.wanted() && !backwards() ? 'play.pause' : 'play.play')}
        primary
        onPress={() => { run(false) }}
      />
      <Press sign="step" label={app.text('play.step')} onPress={() => { props.onStep(true) }} />
      <Press sign="+10" label={app.text('play.skip')} onPress={() => { props.onSkip(10) }} />
      <select
        class="language"
        aria-label={app.text('play.speed')}
        onChange={(event) => { props.desk.setRate(Number(event.currentTarget.value) * (backwards() ? -1 : 1)) }}
      >
        <For each={SPEEDS}>
          {(one) => (
            <option value={one} selected={one === speed()}>
              {one < 1 ? `1/${1 / one}×` : `${one}×`}
            </option>
          )}
        </For>
      </select>
      <Press sign={props.muted ? 'mute' : 'sound'} label={app.text(props.muted ? 'play.sound.on' : 'play.sound.off')} onPress={() => { props.onMuted(!props.muted) }} />
      <output class="play-time" aria-live="off">
        {props.time}
        <Show when={props.zone !== ''}>
          <small>{props.zone}</small>
        </Show>
      </output>
    </div>
  )
}

/** Drawn, for not every machine has letters for them. */
const ICONS: Readonly<Record<string, string>> = {
  play: 'M7 4l13 8-13 8z',
  back: 'M17 4L4 12l13 8z',
  pause: 'M6 4h4v16H6zM14 4h4v16h-4z',
  step: 'M5 5l9 7-9 7zM16 5h3v14h-3z',
  step_back: 'M19 5l-9 7 9 7zM5 5h3v14H5z',
  sound: 'M3 9h4l6-5v16l-6-5H3zM16 8c2 2 2 6 0 8l1.5 1.500c3-3 3-8 0-11z',
  mute: 'M3 9h4l6-5v16l-6-5H3zM15.500 9.500l1-1 2.500 2.500 2.500-2.500 1 1-2.500 2.500 2.500 2.500-1 1-2.500-2.500-2.500 2.500-1-1 2.500-2.500z',
}

interface PressProps {
  /** An icon's name, or what is written on it. */
  readonly sign: string
  readonly label: string
  readonly primary?: boolean
  onPress(): void
}

function Press(props: PressProps): JSX.Element {
  return (
    <button type="button" class="button icon" classList={{ primary: props.primary === true }} aria-label={props.label} title={props.label} onClick={() => { props.onPress() }}>
      <Show when={ICONS[props.sign]} fallback={props.sign}>
        {(path) => (
          <svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true">
            <path d={path()} fill="currentColor" />
          </svg>
        )}
      </Show>
    </button>
  )
}
