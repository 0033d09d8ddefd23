import { Show, type JSX } from 'solid-js'
import type { Translator } from '../i18n/translate'
import type { PlayerStats } from '../player/stats'

export interface DetailsProps {
  readonly stats: PlayerStats
  /** Room for everything, not only for frames and latency. */
  readonly full: boolean
  /** The camera's second address plays. */
  readonly backup: boolean
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
      <Show when={props.stats.way === 'socket'}>
        <span title={t().text('details.socket.title')}>{t().text('details.socket')}</span>
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
