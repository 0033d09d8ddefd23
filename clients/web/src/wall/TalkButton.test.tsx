import { cleanup } from '@solidjs/testing-library'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Problem } from '../api/problem'
import type { TalkOptions } from '../player/talk'
import { fakeServer, show, somebody } from '../ui/testing'
import { SHORT_PRESS, TalkButton } from './TalkButton'

interface Made {
  readonly options: TalkOptions
  readonly calls: string[]
  open(): void
  refuse(code: string, values?: Record<string, string>): void
}

const GATE = { id: 'gate', city: 'sp', name: 'Gate', groups: [], streams: { main: 'rtsp://10.0.0.7/1' } }

async function shown(camera: object = GATE, functions = ['audio.talk']): Promise<{ made: Made[]; page: HTMLElement }> {
  const made: Made[] = []
  const me = somebody({ allowed: [{ scope: 'city:sp', functions }] })
  const server = fakeServer({ 'GET /cameras/gate': camera })
  const { container } = show(
    () => (
      <TalkButton
        camera="gate"
        make={(options) => {
          const calls: string[] = []
          let settle: { open: () => void; refuse: (why: Error) => void } | undefined
          const opened = new Promise<void>((open, refuse) => (settle = { open, refuse }))
          made.push({
            options,
            calls,
            open: () => settle?.open(),
            refuse: (code, values = {}) => settle?.refuse(new Problem(409, { code, values })),
          })
          return { opened, close: () => calls.push('close') }
        }}
      />
    ),
    { server, state: { kind: 'in', me } },
  )
  await vi.waitFor(() => {
    expect(server.asked.length).toBe(1)
  })
  await Promise.resolve()
  return { made, page: container }
}

const button = (page: HTMLElement) => page.querySelector<HTMLButtonElement>('.talk button')

async function there(page: HTMLElement): Promise<HTMLButtonElement> {
  return vi.waitFor(() => {
    const found = button(page)
    if (found === null) throw new Error('no button yet')
    return found
  })
}

const key = (target: Element, type: 'keydown' | 'keyup') =>
  target.dispatchEvent(new KeyboardEvent(type, { key: ' ', bubbles: true, cancelable: true }))

afterEach(() => {
  cleanup()
  vi.restoreAllMocks()
})

describe('the button to talk', () => {
  it('talks while it is held, and from press to press', async () => {
    const { made, page } = await shown()
    const talk = await there(page)
    expect([talk.textContent, talk.getAttribute('aria-pressed'), talk.getAttribute('aria-label')]).toEqual(['Talk', 'false', 'Talk to Gate'])
    const clock = vi.spyOn(performance, 'now').mockReturnValue(1000)
    key(talk, 'keydown')
    expect([made.length, talk.textContent]).toEqual([1, 'Calling…'])
    made[0]?.open()
    await vi.waitFor(() => {
      expect(talk.textContent).toBe('You are heard')
    })
    clock.mockReturnValue(1000 + SHORT_PRESS + 1)
    key(talk, 'keyup')
    expect(made[0]?.calls).toEqual(['close'])
    key(talk, 'keydown')
    key(talk, 'keyup')
    expect(made[1]?.calls, 'a short press').toEqual([])
    key(talk, 'keydown')
    expect([made.length, made[1]?.calls, talk.getAttribute('aria-pressed')]).toEqual([2, ['close'], 'false'])
  })

  it('is worked by a click of assistive technology, which neither presses nor holds', async () => {
    const { made, page } = await shown()
    const talk = await there(page)
    const click = (detail: number) => talk.dispatchEvent(new MouseEvent('click', { detail, bubbles: true }))
    click(0)
    expect([made.length, talk.getAttribute('aria-pressed')]).toEqual([1, 'true'])
    click(0)
    expect([made[0]?.calls, talk.getAttribute('aria-pressed')]).toEqual([['close'], 'false'])
    // That of a mouse comes after its press, which has done it.
    click(1)
    expect(made.length).toBe(1)
    // And a key that has done it makes no click of its own.
    expect([key(talk, 'keydown'), key(talk, 'keyup')]).toEqual([false, false])
  })

  it('says who talks already, that the camera has no loudspeaker, and that it ended', async () => {
    const { made, page } = await shown()
    const talk = await there(page)
    const alert = async (words: string) => {
      await vi.waitFor(() => {
        expect(page.querySelector('[role=alert]')?.textContent).toBe(words)
      })
    }
    const tries = async (code: string, values: Record<string, string>, words: string) => {
      key(talk, 'keydown')
      made.at(-1)?.refuse(code, values)
      await alert(words)
      key(talk, 'keyup')
    }
    await tries('camera_busy_talking', { who: 'Ana' }, 'Ana talks to this camera already')
    await tries('camera_busy_talking', { who: '' }, 'Somebody talks to this camera already')
    await tries('no_back_channel', {}, 'The camera has no loudspeaker that can be talked to')
    key(talk, 'keydown')
    made.at(-1)?.options.onEnd(new Problem(0, { code: 'talk_silent', values: {} }))
    await alert('The talk ended: nothing was heard of you for a minute')
  })

  it('is not there for who may not talk, nor where the camera does not speak RTSP', async () => {
    const other = await shown(GATE, ['audio.listen'])
    expect(button(other.page)).toBeNull()
    cleanup()
    const files = await shown({ ...GATE, streams: { main: 'file:gate.mp4' } })
    expect(button(files.page)).toBeNull()
    cleanup()
    const elsewhere = await shown({ ...GATE, city: 'rj' })
    expect(button(elsewhere.page)).toBeNull()
  })
})
