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

const TONES: Readonly<Record<string, Tone>> = { connecting: 'busy', stalled: 'warn', backing_off: 'bad', idle: 'off', off: 'off' }

/**
 * Whether the player's picture is to be seen. A stream may be said to be
 * connecting only because the API itself has just started, or to be idle
 * because word of its opening is slower than its pictures: one that moves is
 * shown all the same.
 */
export function isVisible(status: StreamStatus | undefined, player: PlayerState): boolean {
  if (player.phase !== 'playing') return false
  const state = status?.state ?? 'connecting'
  return state === 'live' || ((state === 'connecting' || state === 'idle') && player.moving)
}

/** What a tile says instead of a picture; null while the picture is there. */
export function noticeOf(
  status: StreamStatus | undefined,
  player: PlayerState,
  translator: Translator,
): Notice | null {
  if (isVisible(status, player)) return null
  const state = status?.state ?? 'connecting'
  // Whoever looks at a stream on demand opens it: how far that is the player knows.
  const isOpening = state === 'idle' && player.phase !== 'idle'
  if (state !== 'live' && !isOpening) {
    const reason = status?.reason ? translator.reason(status.reason) : null
    // Nothing is wrong and nothing can be done from here: the camera calls us.
    if (state === 'connecting' && status?.reason?.code === 'no_publisher') {
      return { tone: 'off', title: translator.text('state.uncalled'), reason }
    }
    return { tone: TONES[state] ?? 'warn', title: translator.text(`state.${state}`), reason }
  }
  if (player.reason === null) return { tone: 'busy', title: translator.text('state.joining'), reason: null }
  return { tone: 'warn', title: translator.text('state.waiting'), reason: translator.reason(player.reason) }
}
