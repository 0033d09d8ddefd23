import { createMemo, createSignal, onCleanup, Show, type JSX } from 'solid-js'
import type { Camera } from '../api/cameras'
import { Problem } from '../api/problem'
import { mayWith } from '../api/rights'
import { makeTalk, type Talk, type TalkOptions } from '../player/talk'
import { useApp } from '../ui/app'
import { createData } from '../ui/createData'

/** Who lets go sooner (ms) has pressed, not held: he talks until he presses again. */
export const SHORT_PRESS = 400

const WORDS = { quiet: 'talk.quiet', calling: 'talk.calling', talking: 'talk.talking' } as const

export interface TalkButtonProps {
  readonly camera: string
  readonly make?: ((options: TalkOptions) => Talk) | undefined
}

/** Talks to a camera while it is held, or from one press to the next; there only for who may, where it could be. */
export function TalkButton(props: TalkButtonProps): JSX.Element {
  const app = useApp()
  const found = createData(
    () => props.camera,
    (id) => app.client.get<Camera>(`/cameras/${encodeURIComponent(id)}`),
  )
  const camera = createMemo(() => {
    const now = found.value()
    const can = now !== undefined && mayWith(app.me(), 'audio.talk', now) && speaksRtsp(now)
    return can ? now : undefined
  })
  const [state, setState] = createSignal<keyof typeof WORDS>('quiet')
  const [error, setError] = createSignal<unknown>()
  let talk: Talk | undefined
  let pressed = 0

  function stop(): void {
    talk?.close()
    talk = undefined
    setState('quiet')
  }

  function start(): void {
    setError(undefined)
    setState('calling')
    const made = (props.make ?? makeTalk)({
      camera: props.camera,
      client: app.client,
      onEnd(why) {
        if (talk !== made) return
        stop()
        setError(why)
      },
    })
    talk = made
    made.opened.then(
      () => talk === made && setState('talking'),
      (refusal: unknown) => {
        if (talk !== made) return
        stop()
        setError(refusal)
      },
    )
  }

  function toggle(): void {
    if (talk === undefined) start()
    else stop()
  }

  function press(): void {
    pressed = talk === undefined ? performance.now() : 0
    toggle()
  }

  function release(): void {
    if (pressed > 0 && performance.now() - pressed > SHORT_PRESS) stop()
    pressed = 0
  }

  onCleanup(stop)

  return (
    <Show when={camera()}>
      {(one) => (
        <div class="talk">
          <button
            type="button"
            class="button"
            classList={{ on: state() === 'talking' }}
            aria-pressed={state() !== 'quiet'}
            aria-label={app.text('talk.label', { name: one().name })}
            title={app.text('talk.title')}
            onPointerDown={(event) => {
              if (event.button !== 0) return
              // The release is wanted wherever it happens.
              event.currentTarget.setPointerCapture(event.pointerId)
              press()
            }}
            onPointerUp={release}
            onPointerCancel={release}
            onKeyDown={(event) => {
              if (event.repeat || !isPress(event)) return
              event.preventDefault()
              press()
            }}
            onKeyUp={(event) => {
              if (!isPress(event)) return
              // Some browsers make the click of a space bar here.
              event.preventDefault()
              release()
            }}
            onClick={(event) => {
              // Assistive technology clicks without a press; what was pressed is done already.
              if (event.detail === 0) toggle()
            }}
            onBlur={release}
          >
            {app.text(WORDS[state()])}
          </button>
          <Show when={error()}>{(why) => <b role="alert">{wordsOf(why())}</b>}</Show>
        </div>
      )}
    </Show>
  )

  function wordsOf(why: unknown): string {
    const nameless = why instanceof Problem && why.reason.code === 'camera_busy_talking' && !why.reason.values.who
    return nameless ? app.text('talk.busy') : app.t().problem(why)
  }
}

function isPress(event: KeyboardEvent): boolean {
  return event.key === ' ' || event.key === 'Enter'
}

function speaksRtsp(camera: Camera): boolean {
  return Object.values(camera.streams).some((address) => address.startsWith('rtsp'))
}
