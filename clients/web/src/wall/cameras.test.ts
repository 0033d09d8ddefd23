import { describe, expect, it } from 'vitest'
import type { StreamState } from '../api/streams'
import { streamStatus } from '../api/testing'
import type { PlayerStats } from '../player/stats'
import { asShown, camerasOf, chooseStream, isLive, mergeStreams } from './cameras'

const main = streamStatus({ stream: 'main', width: 1920, height: 1080 })
const sub = streamStatus()

describe('camerasOf', () => {
  it('groups streams by camera', () => {
    expect(camerasOf([{ ...main, name: '' }])[0]?.name).toBe('gate')
    const cameras = camerasOf([main, streamStatus({ camera: 'b', name: 'Bridge' }), sub])
    expect(cameras.map((camera) => [camera.id, camera.name])).toEqual([
      ['b', 'Bridge'],
      ['gate', 'gate'],
    ])
    expect(cameras[1]?.streams).toEqual({ main, sub })
  })
})

describe('the order of cameras', () => {
  it('is that of their names as people count', () => {
    const ids = ['cam10', 'cam2', 'cam1'].map((camera) => streamStatus({ camera }))
    const same = ['y', 'x'].map((camera) => streamStatus({ camera, name: 'Door' }))
    expect(camerasOf([...same, ...ids]).map((camera) => camera.id)).toEqual(['cam1', 'cam2', 'cam10', 'x', 'y'])
  })
})

describe('mergeStreams', () => {
  it('puts new values in, keeps the rest, adds new cameras', () => {
    const before = camerasOf([streamStatus({ name: 'Gate' }), main])
    const after = mergeStreams(before, [streamStatus({ state: 'stalled' }), streamStatus({ camera: 'new' })])
    expect(after.map((camera) => camera.id)).toEqual(['gate', 'new'])
    expect(after[0]).toMatchObject({ name: 'Gate', streams: { main, sub: { state: 'stalled' } } })
  })
})

describe('asShown', () => {
  const size = (width: number, height: number, way: PlayerStats['way'] = 'webrtc') =>
    ({ width, height, way, chosen: { variant: 'as_is', reason: null } }) as PlayerStats
  const [gate] = camerasOf([main, streamStatus({ width: 640, height: 360 })])
  const why = (stats: PlayerStats, asked: 'main' | 'sub' = 'main', camera = gate) =>
    camera && asShown(stats, asked, camera)?.chosen?.reason

  it('knows the sub-stream in the main stream\'s place by its size', () => {
    expect(why(size(640, 360))).toBe('path')
    expect(why(size(1920, 1080))).toBeNull()
    // Another way is not switched, and who asks for it gets it.
    expect(why(size(640, 360, 'hls'))).toBeNull()
    expect(why(size(640, 360), 'sub')).toBeNull()
    // Before the first picture, and of a camera that nothing is known of.
    expect(why(size(0, 0))).toBeNull()
    expect(why(size(640, 360), 'main', camerasOf([main])[0])).toBeNull()
  })

  it('says nothing where both have one size, and leaves a reason that was said', () => {
    const [same] = camerasOf([streamStatus({ stream: 'main', width: 640, height: 360 }), streamStatus({ width: 640, height: 360 })])
    expect(why(size(640, 360), 'main', same)).toBeNull()
    const said = { ...size(640, 360), chosen: { variant: 'sub', reason: 'codec' } } as PlayerStats
    expect(why(said)).toBe('codec')
    expect(gate && asShown(undefined, 'main', gate)).toBeUndefined()
  })
})

describe('chooseStream', () => {
  it.each([
    ['the sub-stream in a small tile', [main, sub], 400, 'sub'],
    ['the main stream in a very large tile', [main, sub], 1600, 'main'],
    ['the sub-stream while the main stream is not live', [{ ...main, state: 'stalled' as const }, sub], 1600, 'sub'],
    ['the main stream where there is no other', [main], 400, 'main'],
    ['the main stream while the sub-stream is down', [main, { ...sub, state: 'backing_off' as const }], 400, 'main'],
    ['the sub-stream while it is only connecting', [main, { ...sub, state: 'connecting' as const }], 400, 'sub'],
    ['the sub-stream of unknown size', [main, { ...sub, width: null }], 4000, 'sub'],
  ])('%s', (_, streams, pixels, choice) => {
    const [camera] = camerasOf(streams)
    expect(camera && chooseStream(camera, pixels)).toBe(choice)
  })
})

describe('chooseStream of a main stream on demand', () => {
  it('opens it by looking, and stays with it while it is called, not where it fails', () => {
    const choose = (state: StreamState, now: 'main' | 'sub') => {
      const [camera] = camerasOf([{ ...main, state }, sub])
      return camera && chooseStream(camera, 1600, now)
    }
    expect(choose('idle', 'sub')).toBe('main')
    expect(choose('connecting', 'main')).toBe('main')
    expect(choose('connecting', 'sub')).toBe('sub')
    expect(choose('backing_off', 'main')).toBe('sub')
  })
})

describe('isLive', () => {
  it('takes any stream', () => {
    const [camera] = camerasOf([main, { ...sub, state: 'off' }])
    const [dead] = camerasOf([{ ...main, state: 'off' }])
    expect([camera && isLive(camera), dead && isLive(dead)]).toEqual([true, false])
  })
})
