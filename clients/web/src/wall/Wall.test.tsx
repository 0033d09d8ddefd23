import { cleanup } from '@solidjs/testing-library'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { EventsOptions } from '../api/events'
import type { StreamStatus } from '../api/streams'
import { streamStatus } from '../api/testing'
import type { Player, PlayerOptions } from '../player/player'
import { fakeServer, show as showPart, type Shown } from '../ui/testing'
import { Wall } from './Wall'

interface MadePlayer {
  readonly url: string
  readonly options: PlayerOptions
  readonly calls: string[]
  wanted: boolean
}

let players: MadePlayer[]
let server: EventsOptions

function makeFakePlayer(options: PlayerOptions): Player {
  const made: MadePlayer = { url: options.url, options, calls: [], wanted: false }
  players.push(made)
  return {
    want: (wanted) => {
      made.wanted = wanted
    },
    retryNow: () => made.calls.push('retryNow'),
    doubt: () => made.calls.push('doubt'),
    shown: () => undefined,
    marks: () => ({ joined: 1, firstFrame: 2 }),
    stats: () => Promise.resolve(undefined),
    close: () => made.calls.push('close'),
  }
}

function bothStreams(camera: string, change: Partial<StreamStatus> = {}): StreamStatus[] {
  return [
    streamStatus({ camera, stream: 'main', width: 1920, height: 1080, ...change }),
    streamStatus({ camera, ...change }),
  ]
}

let shown: Shown

function show(streams: StreamStatus[], open = true): HTMLElement {
  const wall = () => (
    <Wall
      events={(options) => {
        server = options
        return { close: () => undefined }
      }}
      player={makeFakePlayer}
    />
  )
  shown = showPart(wall, { server: fakeServer(), ...(open ? { state: { kind: 'open' } } : {}) })
  server.onConnected(true)
  server.onSnapshot(streams)
  return shown.container
}

function press(key: string): void {
  ;(document.activeElement ?? document.body).dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }))
}

const playing = (player: MadePlayer | undefined) => {
  player?.options.onState({ phase: 'playing', media: null, moving: true, reason: null })
}
const find = (camera: string, stream: string) =>
  players.filter((player) => player.url === `/api/v1/streams/${camera}/${stream}/whep`)
const focused = () => document.activeElement?.getAttribute('data-camera')

beforeEach(() => {
  players = []
  localStorage.clear()
  vi.stubGlobal('ResizeObserver', class {
    readonly observe = () => undefined
    readonly disconnect = () => undefined
  })
  Object.assign(HTMLVideoElement.prototype, {
    requestVideoFrameCallback: () => 0,
    cancelVideoFrameCallback: () => undefined,
  })
})

afterEach(() => {
  cleanup()
  vi.unstubAllGlobals()
})

describe('the wall', () => {
  it('plays the sub-stream of each camera', () => {
    show([...bothStreams('gate'), ...bothStreams('yard')])
    expect(players.map((player) => player.url)).toEqual([
      '/api/v1/streams/gate/sub/whep',
      '/api/v1/streams/yard/sub/whep',
    ])
    expect(players.every((player) => player.wanted)).toBe(true)
    expect(players.some((player) => player.options.audio)).toBe(false)
  })

  it('says how many are live, and that anyone may watch', async () => {
    const page = show([...bothStreams('gate'), ...bothStreams('yard', { state: 'off' })])
    expect(page.querySelector('.summary')?.textContent).toBe('1 of 2 live')
    await vi.waitFor(() => {
      expect(page.querySelector('.open-mode')?.textContent).toContain('anyone on this machine')
    })
  })

  it('says nothing of an open mode that is not', async () => {
    const page = show([], false)
    await Promise.resolve()
    expect(page.querySelector('.open-mode')).toBeNull()
    expect(page.querySelector('.empty')?.textContent).toContain('No cameras yet')
  })

  it('shows state and reason in the place of a picture, until there is one', () => {
    const reason = { code: 'wrong_password', values: {} }
    const page = show(bothStreams('gate', { state: 'backing_off', reason }))
    expect(page.querySelector('.notice')?.textContent).toContain('refused the user name')
    expect(players[0]?.wanted).toBe(false)
    server.onStreams(bothStreams('gate', { reason: null }))
    playing(players[0])
    expect(page.querySelector('.notice')).toBeNull()
    expect(players).toHaveLength(1)
    expect(players[0]?.calls).toContain('retryNow')
  })

  it('moves by arrows, enlarges by Enter with the main stream, comes back by Escape', () => {
    const page = show([...bothStreams('a'), ...bothStreams('b'), ...bothStreams('c')])
    press('ArrowRight')
    expect(focused()).toBe('b')
    press('Enter')
    expect(page.querySelector('.enlarged')?.getAttribute('data-camera')).toBe('b')
    expect(find('b', 'main')).toHaveLength(1)
    expect(find('b', 'main')[0]?.options.audio).toBe(true)
    press('ArrowRight')
    expect(page.querySelector('.enlarged')?.getAttribute('data-camera')).toBe('c')
    expect(find('b', 'main')[0]?.calls).toContain('close')
    press('Escape')
    expect(page.querySelector('.enlarged')).toBeNull()
    expect(find('c', 'main')[0]?.calls).toContain('close')
    press('End')
    press('Home')
    expect(focused()).toBe('a')
  })

  it('enlarges by a click, and shows the sub-stream with the reason where main cannot play', () => {
    const page = show(bothStreams('gate'))
    playing(find('gate', 'sub')[0])
    page.querySelector<HTMLElement>('.tile')?.click()
    const reason = { code: 'no_common_codec', values: { camera: 'H.265' } }
    find('gate', 'main')[0]?.options.onState({ phase: 'waiting', media: null, moving: true, reason })
    expect(page.querySelector('.hint')?.textContent).toBe(
      'Showing the sub-stream: The camera sends H.265; this browser cannot play it',
    )
    expect(page.querySelector('.notice')).toBeNull()
  })

  it('offers the sound of an enlarged camera that has some', () => {
    const page = show(bothStreams('gate'))
    press('m')
    press('Enter')
    playing(find('gate', 'main')[0])
    expect(page.querySelector('.sound')).toBeNull()
    const media = Object.assign(new MediaStream(), { getAudioTracks: () => [{}] })
    find('gate', 'main')[0]?.options.onState({ phase: 'playing', media, moving: true, reason: null })
    expect(page.querySelector('.sound')?.textContent).toBe('Sound off')
    press('m')
    expect(page.querySelector('.sound')?.textContent).toBe('Sound on')
  })

  it('plays a camera without a sub-stream once, enlarged or not', () => {
    show([streamStatus({ stream: 'main' })])
    playing(players[0])
    press('Enter')
    expect(players).toHaveLength(2)
    playing(players[1])
    expect(players[0]?.calls).toContain('close')
    press('Escape')
    expect(players[1]?.calls).toContain('close')
    expect(players).toHaveLength(3)
  })

  it('shows frames per second and latency on demand', () => {
    const page = show(bothStreams('gate'))
    playing(players[0])
    players[0]?.options.onStats?.({
      framesDecoded: 100,
      framesDropped: 0,
      freezes: 0,
      width: 640,
      height: 360,
      packetsLost: 0,
      codec: 'H264',
      fps: 25,
      bitrate: 500_000,
      jitterBufferDelay: 10,
      roundTrip: 2,
      latency: 21.4,
    })
    expect(page.querySelector('.details')).toBeNull()
    press('i')
    expect(page.querySelector('.details')?.textContent).toBe('25 fps21 ms')
    server.onStreams([streamStatus({ camera: 'gate', backup: true })])
    expect(page.querySelector('.details')?.textContent).toBe('25 fps21 mssecond address')
    server.onStreams([streamStatus({ camera: 'gate', backup: false })])
    press('Enter')
    expect(page.querySelector('.details')?.textContent).toBe(
      '25 fps21 ms640 × 360H2640.5 Mbit/sbuffer 10 msround trip 2.0 ms0 dropped0 lost',
    )
    press('Escape')
    press('i')
    expect(page.querySelector('.details')).toBeNull()
  })

  it('changes its language and keeps it', () => {
    const page = show(bothStreams('gate', { state: 'connecting' }))
    press('l')
    expect(page.querySelector('.notice strong')?.textContent).toBe('Conectando')
    expect(document.documentElement.lang).toBe('es')
    const select = page.querySelector<HTMLSelectElement>('.language')
    if (select === null) throw new Error('no language switch')
    select.value = 'pt'
    select.dispatchEvent(new Event('change', { bubbles: true }))
    expect(page.querySelector('.summary')?.textContent).toBe('0 de 1 ao vivo')
    expect(localStorage.getItem('vms.language')).toBe('pt')
  })

  it('opens and closes the help', () => {
    const page = show(bothStreams('gate'))
    press('?')
    expect(page.querySelector('dialog')?.textContent).toContain('Move between cameras')
    press('Enter')
    expect(page.querySelector('.enlarged')).toBeNull()
    page.querySelector<HTMLElement>('.help-body .button')?.click()
    expect(page.querySelector('dialog')).toBeNull()
    page.querySelector<HTMLElement>('.button.icon')?.click()
    page.querySelector('dialog')?.click()
    expect(page.querySelector('dialog')).toBeNull()
  })

  it('leaves keys in the header to its controls', () => {
    const page = show(bothStreams('gate'))
    page.querySelector<HTMLElement>('.language')?.focus()
    press('Enter')
    expect(page.querySelector('.enlarged')).toBeNull()
  })

  it('says when the server is away, and doubts every picture when it is back', () => {
    const page = show(bothStreams('gate'))
    server.onConnected(false)
    expect(page.querySelector('.offline')).not.toBeNull()
    server.onConnected(true)
    expect(page.querySelector('.offline')).toBeNull()
    expect(players[0]?.calls).toContain('doubt')
  })

  it('drops a camera that is gone, enlarged or not', () => {
    const page = show([...bothStreams('a'), ...bothStreams('b')])
    press('End')
    press('Enter')
    server.onSnapshot(bothStreams('a'))
    expect(page.querySelectorAll('.tile')).toHaveLength(1)
    expect(page.querySelector('.has-enlarged')).toBeNull()
    press('Enter')
    expect(page.querySelector('.enlarged')?.getAttribute('data-camera')).toBe('a')
  })

  it('shows full screen where the browser allows it', () => {
    show(bothStreams('gate'))
    const asked = vi.fn(() => Promise.reject(new Error('not allowed')))
    Object.assign(document.documentElement, { requestFullscreen: asked })
    Object.assign(document, { fullscreenElement: null })
    press('f')
    expect(asked).toHaveBeenCalledOnce()
  })

  it('gives its statistics to tests and benchmarks', async () => {
    show(bothStreams('gate'))
    playing(players[0])
    expect(await window.__vms?.stats()).toEqual([
      { camera: 'gate', stream: 'sub', phase: 'playing', joined: 1, firstFrame: 2 },
    ])
  })

  it('ends its sessions with the page', () => {
    show(bothStreams('gate'))
    dispatchEvent(new Event('pagehide'))
    expect(players[0]?.calls).toContain('close')
    players.forEach((player) => (player.wanted = false))
    dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }))
    expect(players[0]?.wanted).toBe(true)
  })
})
