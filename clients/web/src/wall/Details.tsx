import { Show, type JSX } from 'solid-js'
import type { Translator } from '../i18n/translate'
import type { PlayerStats } from '../player/stats'
import type { Chosen } from '../player/whep'
import type { Transcode } from '../api/streams'

export interface DetailsProps {
  readonly stats: PlayerStats
  /** Room for everything, not only for frames and latency. */
  readonly full: boolean
  /** The camera's second address plays. */
  readonly backup: boolean
  /** What converting the stream costs, while it is converted. */
  readonly transcode?: Transcode | undefined
  readonly translator: Translator
}

/** Frames per second and latency, and in a large tile what explains them. */
export function Details(props: DetailsProps): JSX.Element {
  const t = () => props.translator
  const whole = (value: number) => t().number(value)
  return (
    <div class="details">
      <b>{t().text('details.frames', { fps: whole(props.stats.fps) })}</b>
      <Show when={props.stats.latency}>
        {(latency) => (
          <b title={t().text('details.latency.title')}>{t().text('details.latency', { ms: whole(latency()) })}</b>
        )}
      </Show>
      <Show when={props.backup}>
        <b>{t().text('details.backup')}</b>
      </Show>
      <Show when={props.stats.way !== 'webrtc' && props.stats.way}>
        {(way) => <span title={t().text('details.way.title')}>{t().text(`details.way.${way()}`)}</span>}
      </Show>
      <Show when={instead(props.stats.chosen)}>
        {(chosen) => (
          <Instead chosen={chosen()} full={props.full} transcode={props.transcode} translator={props.translator} />
        )}
      </Show>
      <Show when={props.full}>
        <span>{t().text('details.size', { width: props.stats.width, height: props.stats.height })}</span>
        <span>{props.stats.codec}</span>
        <span>{t().text('details.rate', { mbit: t().number(props.stats.bitrate / 1e6, 1) })}</span>
        <Show when={props.stats.jitterBufferDelay}>
          {(delay) => <span>{t().text('details.buffer', { ms: whole(delay()) })}</span>}
        </Show>
        <Show when={props.stats.roundTrip}>
          {(trip) => <span>{t().text('details.trip', { ms: t().number(trip(), 1) })}</span>}
        </Show>
        <span>{t().text('details.dropped', { count: whole(props.stats.framesDropped) })}</span>
        <span>{t().text('details.lost', { count: whole(props.stats.packetsLost) })}</span>
      </Show>
    </div>
  )
}

/** What is told of pictures that are not simply those that were asked for. */
function instead(chosen: Chosen | undefined): Chosen | undefined {
  return chosen === undefined || chosen.reason === null ? undefined : chosen
}

const WHY = {
  codec: 'details.why.codec',
  b_frames: 'details.why.b_frames',
  path: 'details.why.path',
} as const

interface InsteadProps {
  readonly chosen: Chosen
  readonly full: boolean
  readonly transcode: Transcode | undefined
  readonly translator: Translator
}

/** That another picture is seen than was asked for, why, what it costs and how to avoid it. */
function Instead(props: InsteadProps): JSX.Element {
  const t = () => props.translator
  const why = () => t().text(WHY[props.chosen.reason ?? 'b_frames'])
  return (
    <>
      <b title={why()}>{t().text(`details.variant.${props.chosen.variant}`)}</b>
      <Show when={props.full}>
        <span>{why()}</span>
        <Show when={props.chosen.variant === 'transcoded'}>
          <Show when={props.transcode}>
            {(cost) => (
              <span>
                {t().text('details.cost', {
                  cpu: t().number(cost().cpu_percent),
                  memory: t().size(cost().memory_bytes),
                })}
              </span>
            )}
          </Show>
        </Show>
        <Show when={props.chosen.variant !== 'sub'}>
          <span>{t().text('details.avoid')}</span>
        </Show>
      </Show>
    </>
  )
}
