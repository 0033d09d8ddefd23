// The wall in a real Firefox, which here has no H.264 by WebRTC: pictures come by the media socket.
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { setTimeout as delay } from 'node:timers/promises'
import { startFirefox } from './browser.mjs'
import { startDemo } from '../product.mjs'

const CAMERAS = 4
const LIMIT_MS = 60_000
const ARTIFACTS = fileURLToPath(new URL('../../artifacts', import.meta.url))

/** @typedef {import('../page.mjs').Stats} Stats */

/** @type {import('../product.mjs').Product} */
let product
/** @type {import('./browser.mjs').Firefox} */
let firefox

before(async () => {
  ;[product, firefox] = await Promise.all([startDemo(CAMERAS), startFirefox()])
})

after(async () => {
  await firefox?.close()
  await product?.stop()
})

/** @returns {Promise<Stats>} */
const stats = () => firefox.run('return (await window.__vms?.stats()) ?? []')

/**
 * @param {(stats: Stats) => boolean} wanted
 * @returns {Promise<Stats>}
 */
async function statsWhere(wanted) {
  const until = Date.now() + LIMIT_MS
  for (;;) {
    const now = await stats()
    if (wanted(now)) return now
    if (Date.now() > until) throw new Error(`after ${LIMIT_MS} ms the page is at ${JSON.stringify(now)}`)
    await delay(100)
  }
}

/**
 * @param {string} address
 * @param {string[]} ways one of these
 */
async function assertMoves(address, ways) {
  await firefox.open(address)
  const first = await statsWhere((all) => all.filter((tile) => (tile.framesDecoded ?? 0) > 0).length === CAMERAS)
  for (const tile of first) assert.ok(ways.includes(tile.way ?? ''), `by ${tile.way}`)
  const before = new Map(first.map((tile) => [tile.camera, tile.framesDecoded ?? 0]))
  const moved = await statsWhere((all) => all.every((tile) => (tile.framesDecoded ?? 0) > (before.get(tile.camera) ?? 0) + 50))
  assert.deepEqual([...new Set(moved.map((tile) => `${tile.width}x${tile.height} ${tile.phase}`))], ['640x360 playing'])
  return moved
}

describe('the wall in Firefox', () => {
  it('shows moving pictures of every camera by the best way that this Firefox has', async () => {
    await assertMoves(product.address, ['webrtc', 'socket', 'mse'])
    await mkdir(ARTIFACTS, { recursive: true })
    await firefox.screenshot(`${ARTIFACTS}/firefox.png`)
  })

  it('shows them by Media Source Extensions, close behind the newest', async () => {
    const address = new URL(product.address)
    address.searchParams.set('way', 'mse')
    await assertMoves(address.href, ['mse'])
    await statsWhere((all) => all.length === CAMERAS && all.every((tile) => (tile.jitterBufferDelay ?? Infinity) < 2000))
  })
})
