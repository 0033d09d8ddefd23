import type { Gap } from '../api/recording'
import type { Translator } from '../i18n/translate'

/** Why nothing was recorded, and whether that lasts. */
export function gapText(t: Translator, { reason, open }: Pick<Gap, 'reason' | 'open'>): string {
  return open === true ? t.text('play.gap.open', { reason: t.gap(reason) }) : t.gap(reason)
}
