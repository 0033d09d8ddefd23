import { describe, expect, it, vi } from 'vitest'
import { Problem } from '../api/problem'
import { jsonAnswer } from '../api/testing'
import { makeGroups, makeToken } from './groups'

const AT = 1_800_000_000_000_000
const signal = new AbortController().signal
const HEADERS = { 'Vms-From': `${AT}`, 'Vms-To': `${AT + 2_000_000}`, 'Vms-Next': `${AT + 9_000_000}`, 'Vms-Init': '7', 'Vms-Gap': 'network' }

describe('the groups of a camera', () => {
  it('are asked for by time, with the address in a header', async () => {
    const send = vi.fn(() => Promise.resolve(new Response('video', { headers: HEADERS })))
    const groups = makeGroups({ camera: 'gate', stream: 'sub', token: () => Promise.resolve('v1.x'), send })
    const group = await groups.get(AT, undefined, signal)
    expect(group).toMatchObject({ from: AT, to: AT + 2_000_000, next: AT + 9_000_000, previous: undefined, init: '7', gap: 'network' })
    expect(new TextDecoder().decode(group.bytes)).toBe('video')
    await groups.get(AT, 8, signal)
    await groups.init(AT, signal)
    expect(send.mock.calls).toEqual([
      [`/playback/gate/sub/${AT}.m4s`, { headers: { Authorization: 'Bearer v1.x' }, signal }],
      [`/playback/gate/sub/${AT}.m4s?keys=8`, { headers: { Authorization: 'Bearer v1.x' }, signal }],
      [`/playback/gate/sub/init.mp4?at=${AT}`, { headers: { Authorization: 'Bearer v1.x' }, signal }],
    ])
  })

  it('are asked for once more with a new address where the old one was refused', async () => {
    const answers = [jsonAnswer({ code: 'address_expired' }, { status: 401 }), new Response('v', { headers: HEADERS })]
    const send = vi.fn(() => Promise.resolve(answers.shift() ?? Response.error()))
    const token = vi.fn((fresh: boolean) => Promise.resolve(fresh ? 'new' : 'old'))
    await makeGroups({ camera: 'gate', stream: 'main', token, send }).get(AT, undefined, signal)
    expect(token.mock.calls).toEqual([[false], [true]])
    const refused = makeGroups({ camera: 'gate', stream: 'main', token, send: () => Promise.resolve(jsonAnswer({ code: 'address_revoked' }, { status: 401 })) })
    await expect(refused.get(AT, undefined, signal)).rejects.toMatchObject({ status: 401, reason: { code: 'address_revoked' } })
  })

  it('that do not come are a problem with its reason', async () => {
    const none = makeGroups({ camera: 'gate', stream: 'main', send: () => Promise.resolve(jsonAnswer({ code: 'no_recording' }, { status: 404 })) })
    await expect(none.get(AT, undefined, signal)).rejects.toMatchObject({ reason: { code: 'no_recording' } })
    const down = makeGroups({ camera: 'gate', stream: 'main', send: () => Promise.reject(new TypeError('x')) })
    await expect(down.get(AT, undefined, signal)).rejects.toBeInstanceOf(Problem)
    const bare = makeGroups({ camera: 'gate', stream: 'main', send: () => Promise.resolve(new Response('v')) })
    await expect(bare.get(AT, undefined, signal)).rejects.toMatchObject({ reason: { code: 'playback_headers' } })
  })
})

describe('a look', () => {
  it('asks for one key frame and tells what lies around it', async () => {
    const asked: string[] = []
    const headers = { 'Vms-From': '1000', 'Vms-To': '2000', 'Vms-Previous': '0', 'Vms-Next': '' }
    const groups = makeGroups({
      camera: 'gate', stream: 'sub',
      send: (input) => {
        asked.push(input as string)
        return Promise.resolve(new Response('k', { headers }))
      },
    })
    await expect(groups.look(1500, new AbortController().signal)).resolves.toEqual({ from: 1000, to: 2000, previous: 0, next: undefined })
    expect(asked).toEqual(['/playback/gate/sub/1500.m4s?keys=1'])
  })
})

describe('an address', () => {
  it('is shared by those who ask at once, kept, and renewed before it runs out', async () => {
    let now = 0
    let signed = 0
    const token = makeToken(
      () => Promise.resolve({ address: `a${(signed += 1)}`, expires_us: (now + 300_000) * 1000 }),
      () => now,
    )
    expect(await Promise.all([token(false), token(false)])).toEqual(['a1', 'a1'])
    now = 239_000
    expect(await token(false)).toBe('a1')
    now = 241_000
    expect(await token(false)).toBe('a2')
    expect(await token(true)).toBe('a3')
  })

  it('that could not be had is asked for again', async () => {
    const sign = vi.fn(() => Promise.reject(new Error('down')))
    const token = makeToken(sign)
    await expect(token(false)).rejects.toThrow('down')
    await expect(token(false)).rejects.toThrow('down')
    expect(sign).toHaveBeenCalledTimes(2)
  })
})
