// A browser whose network does not bear the main stream: it is sent the sub-stream, and says so.
// Between the two stands a relay of datagrams that lets only so many bytes a second through.
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { isPlaying, openWall, startBrowser, statsOf, statsWhere } from './page.mjs'
import { startDemo } from './product.mjs'

const HOST = '127.0.0.1'
/** What waits before the narrow place rather than being lost, in seconds. */
const QUEUE = 0.1

/** @type {import('./product.mjs').Product} */
let product
/** @type {import('./page.mjs').Browser} */
let browser
/** @type {Awaited<ReturnType<typeof startRelay>>} */
let relay

/** RTP, neither STUN nor DTLS nor RTCP (RFC 5764, 5.1.2; RFC 5761, 4). */
const isMedia = (/** @type {Buffer} */ bytes) => {
  const [first = 0, second = 0] = bytes
  const type = second & 0x7f
  return first >= 128 && first < 192 && (type < 64 || type >= 96)
}

/** Passes datagrams on between browsers and the product's port, media at `bytesPerSecond` at most. */
async function startRelay() {
  const front = createSocket('udp4')
  /** @type {Map<number, import('node:dgram').Socket>} */
  const ways = new Map()
  const state = { port: 0, to: 0, bytesPerSecond: Infinity, lost: 0, stop: () => {} }
  let room = 0
  let filled = performance.now()
  const bears = (/** @type {number} */ bytes) => {
    if (state.bytesPerSecond === Infinity) return true
    const now = performance.now()
    room = Math.min(room + ((now - filled) / 1000) * state.bytesPerSecond, QUEUE * state.bytesPerSecond)
    filled = now
    if (room < bytes) return false
    room -= bytes
    return true
  }
  front.on('message', (bytes, { port }) => {
    let way = ways.get(port)
    if (way === undefined) {
      way = createSocket('udp4')
      ways.set(port, way)
      way.on('message', (answer) => {
        if (isMedia(answer) && !bears(answer.length)) state.lost += 1
        else front.send(answer, port, HOST)
      })
    }
    way.send(bytes, state.to, HOST)
  })
  await new Promise((resolve) => front.bind(0, HOST, () => { resolve(undefined) }))
  state.port = front.address().port
  state.stop = () => {
    front.close()
    for (const way of ways.values()) way.close()
  }
  return state
}

before(async () => {
  ;[product, browser] = await Promise.all([startDemo(1), startBrowser()])
  relay = await startRelay()
})

after(async () => {
  await browser?.close()
  await product?.stop()
  relay?.stop()
})

/** What comes of the camera's two streams, in bytes a second, once both have been measured. */
async function bytesPerSecond() {
  const until = Date.now() + 60_000
  for (;;) {
    const answer = await fetch(`${product.address}/api/v1/streams`)
    const { items } = /** @type {{items: {stream: string, bitrate: number | null}[]}} */ (await answer.json())
    const [main, sub] = ['main', 'sub'].map((stream) => (items.find((item) => item.stream === stream)?.bitrate ?? 0) / 8)
    if (main && sub) return { large: main, small: sub }
    if (Date.now() > until) throw new Error(`the streams were not measured: ${JSON.stringify(items)}`)
    await delay(100)
  }
}

describe('a browser behind a narrow network', () => {
  it('is sent the sub-stream in the same session, without a standstill, and says why', async () => {
    const { page, complaints } = await openWall(browser, 'about:blank')
    await page.exposeFunction('relayed', (/** @type {number} */ port) => {
      relay.to = port
      return relay.port
    })
    await page.addInitScript(() => {
      const Peer = window.RTCPeerConnection
      const { relayed } = /** @type {{relayed: (port: number) => Promise<number>}} */ (/** @type {unknown} */ (window))
      window.RTCPeerConnection = class extends Peer {
        /**
         * @override
         * @param {RTCSessionDescriptionInit} answer
         */
        async setRemoteDescription(answer) {
          const lines = (answer.sdp ?? '').split('\r\n').filter((line) => !/^a=candidate:.* tcp /i.test(line))
          const port = /** @type {RegExpExecArray} */ (/^a=candidate:.* udp \d+ \S+ (\d+) /im.exec(lines.join('\r\n')))[1]
          const other = await relayed(Number(port))
          const sdp = lines.map((line) => line.replace(new RegExp(`^(a=candidate:.* )${port}( typ host)`), `$1${other}$2`))
          await super.setRemoteDescription({ type: answer.type, sdp: sdp.join('\r\n') })
        }
      }
    })
    await page.goto(product.address)
    const main = (/** @type {import('./page.mjs').Stats} */ stats) => stats.find((tile) => tile.stream === 'main' && isPlaying(tile))
    await statsWhere(page, (stats) => stats.some(isPlaying))
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('Enter')
    await statsWhere(page, (stats) => main(stats)?.width === 1920 && (main(stats)?.framesDecoded ?? 0) > 50)
    const { large, small } = await bytesPerSecond()
    assert.ok(large > 2 * small, `${large} and ${small} bytes a second`)

    const begun = performance.now()
    relay.bytesPerSecond = Math.sqrt(large * small) + small / 2
    await statsWhere(page, (stats) => main(stats)?.width === 640)
    const after = Math.round(performance.now() - begun)
    await page.waitForSelector('.enlarged .caption .hint')
    assert.match((await page.textContent('.enlarged .caption .hint')) ?? '', /sub-stream: The network to this browser is too slow/)
    const before = main(await statsOf(page))
    const enough = (before?.framesDecoded ?? 0) + 30
    // The small pictures go on.
    const later = main(await statsWhere(page, (stats) => (main(stats)?.framesDecoded ?? 0) > enough, 20_000))
    console.log(`the sub-stream after ${after} ms, ${relay.lost} datagrams lost; freezes ${before?.freezes} then ${later?.freezes}`)
    assert.equal(later?.firstFrame, before?.firstFrame, 'in the same session')
    const metrics = await (await fetch(`${product.address}/metrics/media`)).text()
    assert.match(metrics, /vms_webrtc_switches_total\{to="sub",reason="\w+"\} 1/)
    if (process.env.WIDE_AGAIN) {
      relay.bytesPerSecond = Infinity
      const since = performance.now()
      await statsWhere(page, (stats) => main(stats)?.width === 1920, 60_000)
      console.log(`the main stream again after ${Math.round(performance.now() - since)} ms; freezes ${main(await statsOf(page))?.freezes}`)
    }
    await page.context().close()
    assert.deepEqual(complaints, [])
  })
})
