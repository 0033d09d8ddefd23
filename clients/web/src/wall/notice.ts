import type { StreamStatus } from '../api/streams'
import type { Translator } from '../i18n/translate'
import type { PlayerState } from '../player/player'

/** How urgent a tile without a picture is: working on it, wants attention, broken, meant to be so. */
export type Tone = 'busy' | 'warn' | 'bad' | 'off'

export interface Notice {
  readonly tone: Tone
  readonly title: string
  readonly reason: string | null
}

const TONES: Readonly<Record<string, Tone>> = { connecting: 'busy', stalled: 'warn', backing_off: 'bad', off: 'off' }

/** What a tile says instead of a picture; null while the picture is there. */
export function noticeOf(
  status: StreamStatus | undefined,
  player: PlayerState,
  translator: Translator,
): Notice | null {
  const state = status?.state ?? 'connecting'
  if (state !== 'live') {
    const reason = status?.reason ? translator.reason(status.reason) : null
    return { tone: TONES[state] ?? 'warn', title: translator.text(`state.${state}`), reason }
  }
  if (player.phase === 'playing') return null
  if (player.reason === null) return { tone: 'busy', title: translator.text('state.joining'), reason: null }
  return { tone: 'warn', title: translator.text('state.waiting'), reason: translator.reason(player.reason) }
}
