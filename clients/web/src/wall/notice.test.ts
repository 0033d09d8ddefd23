import { describe, expect, it } from 'vitest'
import { streamStatus } from '../api/testing'
import { makeTranslator } from '../i18n/translate'
import type { PlayerState } from '../player/player'
import { noticeOf } from './notice'

const english = makeTranslator('en')
const playing: PlayerState = { phase: 'playing', media: null, moving: true, reason: null }
const refused: PlayerState = {
  phase: 'waiting',
  media: null,
  moving: false,
  reason: { code: 'no_common_codec', values: { camera: 'H.265' } },
}

describe('noticeOf', () => {
  it('says nothing over a live picture', () => {
    expect(noticeOf(streamStatus(), playing, english)).toBeNull()
  })

  it("says the camera's state and reason, whatever the player shows", () => {
    const status = streamStatus({ state: 'backing_off', reason: { code: 'wrong_password', values: {} } })
    expect(noticeOf(status, playing, english)).toEqual({
      tone: 'bad',
      title: 'Offline',
      reason: 'The camera refused the user name or the password',
    })
  })

  it.each([
    ['stalled', 'warn'],
    ['off', 'off'],
  ] as const)('gives %s the tone %s', (state, tone) => {
    expect(noticeOf(streamStatus({ state }), playing, english)).toMatchObject({ tone, reason: null })
  })

  it('goes on showing a picture that moves while the API only gets to know the cameras', () => {
    const connecting = streamStatus({ state: 'connecting' })
    expect(noticeOf(connecting, playing, english)).toBeNull()
    expect(noticeOf(connecting, { ...playing, moving: false }, english)).toMatchObject({ tone: 'busy' })
  })

  it('says of a stream on demand that it is ready until somebody looks, and then how its player is doing', () => {
    const idle = streamStatus({ state: 'idle', reason: { code: 'no_viewer', values: {} } })
    const quiet: PlayerState = { phase: 'idle', media: null, moving: false, reason: null }
    expect(noticeOf(idle, quiet, english)).toEqual({ tone: 'off', title: 'Ready', reason: english.reason({ code: 'no_viewer', values: {} }) })
    expect(noticeOf(idle, { ...quiet, phase: 'joining' }, english)).toEqual({ tone: 'busy', title: 'Opening', reason: null })
    expect(noticeOf(idle, refused, english)).toMatchObject({ tone: 'warn', title: 'No picture' })
    // The pictures may be here before the word that it is live.
    expect(noticeOf(idle, playing, english)).toBeNull()
  })

  it("says the player's reason where the camera is well", () => {
    expect(noticeOf(streamStatus(), refused, english)).toEqual({
      tone: 'warn',
      title: 'No picture',
      reason: 'The camera sends H.265; this browser cannot play it',
    })
  })

  it('waits calmly for a camera that calls', () => {
    const reason = { code: 'no_publisher', values: {} }
    const uncalled = { ...streamStatus(), state: 'connecting' as const, reason }
    expect(noticeOf(uncalled, { ...playing, moving: false }, english)).toEqual({
      tone: 'off',
      title: 'Waiting',
      reason: 'Waiting for the camera to call',
    })
  })

  it('is busy until something is known', () => {
    expect(noticeOf(undefined, { ...playing, moving: false }, english)).toMatchObject({ tone: 'busy', title: 'Connecting' })
    const joining: PlayerState = { phase: 'joining', media: null, moving: false, reason: null }
    expect(noticeOf(streamStatus(), joining, english)).toMatchObject({ tone: 'busy', title: 'Opening' })
  })
})
