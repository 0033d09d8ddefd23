// Chromium plays by ICE over TCP where it is told of no address for UDP.
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { after, before, describe, it } from 'node:test'
import { assertMoving, isPlaying, openWall, startBrowser, statsWhere } from './page.mjs'
import { startDemo } from './product.mjs'

/** @type {Awaited<ReturnType<typeof startDemo>>} */
let product
/** @type {import('./page.mjs').Browser} */
let browser

before(async () => {
  product = await startDemo(1)
  browser = await startBrowser()
})

after(async () => {
  await browser?.close()
  await product?.stop()
})

describe('where no UDP gets through', () => {
  it('pictures come by TCP', async () => {
    const page = await (await browser.newContext()).newPage()
    await page.goto(product.address)
    const told = await page.evaluate(async () => {
      const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' })
      peer.addTransceiver('video', { direction: 'recvonly' })
      await peer.setLocalDescription()
      /** @returns {Promise<{camera: string, stream: string, state: string} | undefined>} */
      const live = async () => {
        const { items } = await (await fetch('/api/v1/streams')).json()
        return items.find((/** @type {{stream: string, state: string}} */ one) => one.stream === 'main' && one.state === 'live')
      }
      const pause = () => new Promise((resolve) => setTimeout(resolve, 100))
      let found = await live()
      for (let tries = 0; tries < 300 && found === undefined; tries += 1) {
        await pause()
        found = await live()
      }
      const answer = await fetch(`/api/v1/streams/${found?.camera}/main/whep`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/sdp' },
        body: peer.localDescription?.sdp ?? '',
      })
      if (answer.status !== 201) return { status: answer.status, frames: 0, protocol: await answer.text() }
      const byTcp = (await answer.text()).replace(/a=candidate:\S+ \d+ udp .*\r\n/gi, '')
      await peer.setRemoteDescription({ type: 'answer', sdp: byTcp })
      for (let tries = 0; tries < 600; tries += 1) {
        const report = new Map(await peer.getStats())
        const all = [...report.values()]
        const frames = all.find((one) => one.type === 'inbound-rtp')?.framesDecoded ?? 0
        const transport = all.find((one) => one.type === 'transport')
        const pair = report.get(transport?.selectedCandidatePairId)
        if (frames >= 50) return { status: 201, frames, protocol: report.get(pair?.remoteCandidateId)?.protocol }
        await pause()
      }
      return { status: 201, frames: 0, protocol: 'none' }
    })
    assert.equal(told.status, 201, told.protocol)
    assert.equal(told.protocol, 'tcp')
    assert.ok(told.frames >= 50)
  })
})

describe('where neither UDP nor TCP gets through, and nothing says so', () => {
  it('pictures come by the media socket', async () => {
    const silent = createSocket('udp4')
    await new Promise((resolve) => silent.bind(0, '127.0.0.1', () => { resolve(undefined) }))
    try {
      const { page, complaints } = await openWall(browser, 'about:blank')
      await page.addInitScript((/** @type {number} */ port) => {
        const Peer = window.RTCPeerConnection
        window.RTCPeerConnection = class extends Peer {
          /**
           * @override
           * @param {RTCSessionDescriptionInit} answer
           */
          async setRemoteDescription(answer) {
            const lines = (answer.sdp ?? '').split('\r\n').filter((line) => !/^a=candidate:.* tcp /i.test(line))
            const sdp = lines.map((line) => line.replace(/^(a=candidate:\S+ \d+ udp \d+ )\S+ \d+( typ host)/i, `$1127.0.0.1 ${port}$2`))
            await super.setRemoteDescription({ type: answer.type, sdp: sdp.join('\r\n') })
          }
        }
      }, silent.address().port)
      await page.goto(product.address)
      await statsWhere(page, (stats) => stats.some((tile) => isPlaying(tile) && tile.way === 'socket'), 60_000)
      await assertMoving(page)
      await page.context().close()
      assert.deepEqual(complaints, [])
    } finally {
      silent.close()
    }
  })
})
