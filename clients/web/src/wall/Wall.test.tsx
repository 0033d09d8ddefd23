import { cleanup } from '@solidjs/testing-library'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { EventsOptions } from '../api/events'
import type { StreamStatus } from '../api/streams'
import { streamStatus } from '../api/testing'
import { REST_AFTER } from '../player/createPlayer'
import type { Player, PlayerOptions } from '../player/player'
import type { PlayerStats } from '../player/stats'
import { fakeServer, press as pressButton, refusal, show as showPart, type FakeServer, type Shown } from '../ui/testing'
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
    rest: (hidden) => made.calls.push(`rest ${String(hidden)}`),
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

function show(streams: StreamStatus[], open = true, api: FakeServer = fakeServer()): HTMLElement {
  const wall = () => (
    <Wall
      events={(options) => {
        server = options
        return { close: () => undefined }
      }}
      player={makeFakePlayer}
    />
  )
  shown = showPart(wall, { server: api, ...(open ? { state: { kind: 'open' } } : {}) })
  server.onConnected(true)
  server.onSnapshot(streams)
  return shown.container
}

function press(key: string): void {
  ;(document.activeElement ?? document.body).dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }))
}

const STATS: PlayerStats = {
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
  vi.restoreAllMocks()
  vi.useRealTimers()
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

  it('asks for nothing where nobody sees it for a while', () => {
    vi.useFakeTimers()
    const hidden = vi.spyOn(document, 'hidden', 'get')
    const turn = (away: boolean) => {
      hidden.mockReturnValue(away)
      document.dispatchEvent(new Event('visibilitychange'))
    }
    show([...bothStreams('gate'), ...bothStreams('yard')])
    const [gate] = find('gate', 'sub')
    const [yard] = find('yard', 'sub')
    const rests = () => [gate, yard].map((player) => player?.calls.includes('close'))
    turn(true)
    vi.advanceTimersByTime(REST_AFTER - 1)
    turn(false)
    vi.advanceTimersByTime(REST_AFTER)
    expect(rests()).toEqual([false, false])
    press('Enter')
    vi.advanceTimersByTime(REST_AFTER)
    expect(rests()).toEqual([false, true])
    if (yard !== undefined) yard.wanted = false
    press('Escape')
    expect(yard?.wanted).toBe(true)
    turn(true)
    vi.advanceTimersByTime(REST_AFTER)
    expect(rests()).toEqual([true, true])
    hidden.mockRestore()
    vi.useRealTimers()
  })

  it('pauses a picture at once while nobody sees it, not one with sound', () => {
    show([...bothStreams('gate'), ...bothStreams('yard')])
    const rests = (camera: string, stream: string) => find(camera, stream)[0]?.calls.filter((call) => call.startsWith('rest')).at(-1)
    expect([rests('gate', 'sub'), rests('yard', 'sub')]).toEqual(['rest false', 'rest false'])
    press('Enter')
    expect([rests('gate', 'sub'), rests('yard', 'sub')]).toEqual(['rest false', 'rest true'])
    const hidden = vi.spyOn(document, 'hidden', 'get').mockReturnValue(true)
    document.dispatchEvent(new Event('visibilitychange'))
    expect([rests('gate', 'sub'), rests('gate', 'main')]).toEqual(['rest true', 'rest false'])
    hidden.mockReturnValue(false)
    document.dispatchEvent(new Event('visibilitychange'))
    press('Escape')
    expect([rests('gate', 'sub'), rests('yard', 'sub')]).toEqual(['rest false', 'rest false'])
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

  it('opens a stream on demand by looking at it, and stays with it while the camera is called', () => {
    const page = show(bothStreams('gate', { state: 'idle', reason: { code: 'no_viewer', values: {} } }))
    const notice = () => page.querySelector('.notice')?.textContent
    const [gate] = players
    expect(gate?.wanted).toBe(true)
    gate?.options.onState({ phase: 'joining', media: null, moving: false, reason: null })
    expect(notice()).toBe('Opening')
    const before = [...(gate?.calls ?? [])]
    server.onStreams(bothStreams('gate', { state: 'connecting', reason: null }))
    expect(notice()).toBe('Connecting')
    server.onStreams(bothStreams('gate'))
    playing(gate)
    expect(notice()).toBeUndefined()
    expect([players.length, gate?.wanted]).toEqual([1, true])
    expect(gate?.calls.slice(before.length)).not.toContain('close')
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
    players[0]?.options.onStats?.(STATS)
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

  it('says in the tile itself that the network bears only the small picture', () => {
    const page = show([streamStatus({ stream: 'main', width: 1920, height: 1080 }), streamStatus({ width: 640, height: 360 })])
    press('Enter')
    const main = find('gate', 'main')[0]
    playing(main)
    const told = () => page.querySelector('.caption .hint')?.textContent
    main?.options.onStats?.({ ...STATS, width: 1920, height: 1080, way: 'webrtc' })
    expect(told()).toBeUndefined()
    main?.options.onStats?.({ ...STATS, way: 'webrtc' })
    expect(told()).toContain('the sub-stream: The network to this browser is too slow')
    main?.options.onStats?.({ ...STATS, width: 1920, height: 1080, way: 'webrtc' })
    expect(told()).toBeUndefined()
  })

  it('saves the picture of now of an enlarged camera, or says why it cannot', async () => {
    const saved: string[] = []
    vi.spyOn(URL, 'createObjectURL').mockReturnValue('blob:x')
    vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (this: HTMLAnchorElement) {
      saved.push(this.download)
    })
    const api = fakeServer({ 'GET /cameras/gate/snapshot.jpg': () => new Response('jpeg', { headers: { 'Vms-At': '0' } }) })
    const page = show(bothStreams('gate', { name: 'Portão' }), false, api)
    playing(players[0])
    expect(page.querySelector('.actions button')).toBeNull()
    press('Enter')
    const main = find('gate', 'main')[0]
    playing(main)
    // What stands in a button is nothing but its name to a screen reader.
    expect(page.querySelector('[role=button] button')).toBeNull()
    pressButton(page, 'Snapshot')
    await vi.waitFor(() => {
      expect(page.querySelector('.actions [role=status]')?.textContent).toBe('Saved as Portao_1970-01-01T00-00-00-000Z.jpg')
    })
    expect(saved).toEqual(['Portao_1970-01-01T00-00-00-000Z.jpg'])
    expect(api.last('GET /cameras/gate/snapshot.jpg')?.path).toBe('/cameras/gate/snapshot.jpg?stream=main')
    expect(page.querySelector('.enlarged')).not.toBeNull()
    api.answers['GET /cameras/gate/snapshot.jpg'] = () => refusal(503, 'camera_not_live')
    page.querySelector<HTMLElement>('.actions button')?.focus()
    press('Enter')
    expect(page.querySelector('.enlarged')).not.toBeNull()
    pressButton(page, 'Snapshot')
    await vi.waitFor(() => {
      expect(page.querySelector('.actions [role=alert]')?.textContent).toContain('not live now')
    })
    expect(page.querySelector('.actions [role=status]')).toBeNull()
  })

  it('takes the snapshot of what is seen, and offers none while nothing is', async () => {
    vi.spyOn(URL, 'createObjectURL').mockReturnValue('blob:x')
    vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(() => undefined)
    const api = fakeServer({ 'GET /cameras/gate/snapshot.jpg': () => new Response('jpeg', { headers: { 'Vms-At': '0' } }) })
    const page = show(bothStreams('gate'), false, api)
    press('Enter')
    expect(page.querySelector('.actions button')).toBeNull()
    playing(find('gate', 'sub')[0])
    pressButton(page, 'Snapshot')
    await vi.waitFor(() => {
      expect(api.last('GET /cameras/gate/snapshot.jpg')?.path).toContain('?stream=sub')
    })
  })

  it('offers no snapshot to who is not known', () => {
    const page = show(bothStreams('gate'))
    press('Enter')
    playing(find('gate', 'main')[0])
    expect(page.querySelector('.actions button')).toBeNull()
  })

  it('asks for nothing in tiles that are scrolled out of sight, where there is no room for all', () => {
    vi.useFakeTimers()
    // A telephone.
    vi.spyOn(HTMLElement.prototype, 'clientWidth', 'get').mockReturnValue(344)
    vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(700)
    let tell: (camera: string, isIntersecting: boolean) => void = () => undefined
    vi.stubGlobal('IntersectionObserver', class {
      readonly watched = new Set<Element>()
      constructor(told: (entries: { target: Element; isIntersecting: boolean }[]) => void) {
        tell = (camera, isIntersecting) => {
          const target = [...this.watched].find((element) => element.getAttribute('data-camera') === camera)
          if (target === undefined) throw new Error(`nobody looks after ${camera}`)
          told([{ target, isIntersecting }])
        }
      }
      readonly observe = (element: Element) => this.watched.add(element)
      readonly unobserve = (element: Element) => this.watched.delete(element)
      readonly disconnect = () => {
        this.watched.clear()
      }
    })
    const all = Array.from({ length: 64 }, (_, at) => bothStreams(`cam${at}`)).flat()
    const page = show(all)
    const wanted = () => players.filter((player) => player.wanted).map((player) => player.url)
    const ends = (player: MadePlayer | undefined) => player?.calls.filter((call) => call === 'close').length
    expect(page.querySelector('.scroller')?.classList.contains('scrolls')).toBe(true)
    expect(page.querySelector<HTMLElement>('.grid')?.style.getPropertyValue('--columns')).toBe('2')
    expect(wanted()).toEqual([])
    tell('cam0', true)
    expect(wanted()).toEqual(['/api/v1/streams/cam0/sub/whep'])
    const [first] = find('cam0', 'sub')
    const before = ends(first) ?? 0
    tell('cam0', false)
    expect(first?.calls.at(-1)).toBe('rest true')
    vi.advanceTimersByTime(REST_AFTER - 1)
    expect(ends(first)).toBe(before)
    vi.advanceTimersByTime(1)
    expect(ends(first)).toBe(before + 1)
    players.forEach((player) => (player.wanted = false))
    // Enlarged it is seen, wherever its place in the grid is.
    page.querySelector<HTMLElement>('[data-camera=cam9]')?.click()
    expect(find('cam9', 'main')[0]?.wanted).toBe(true)
    server.onSnapshot(bothStreams('cam0'))
    expect(page.querySelector('.scrolls')).toBeNull()
    expect(first?.wanted).toBe(true)
    // Who was seen until there was no more room for all is not paused before the browser says where it is.
    const until = first?.calls.length
    server.onSnapshot(all)
    expect(page.querySelector('.scrolls')).not.toBeNull()
    expect(first?.calls.slice(until)).not.toContain('rest true')
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
