// Live video by HLS in hls.js, as other people's pages play it, with low latency.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { after, before, describe, it } from 'node:test'
import { startBrowser } from './page.mjs'
import { startDemo } from './product.mjs'

const web = createRequire(new URL('../../clients/web/package.json', import.meta.url))
const PLAYED_S = 8
const MOST_BEHIND_S = 3
const LIMIT_MS = 40_000

/** @type {import('./product.mjs').Product} */
let product
/** @type {import('./page.mjs').Browser} */
let browser

before(async () => {
  ;[product, browser] = await Promise.all([startDemo(1, {}, '--audio'), startBrowser()])
})

after(async () => {
  await browser?.close()
  await product?.stop()
})

describe('hls.js', () => {
  it('plays live video with the sound of a camera of G.711 less than three seconds behind the newest, without an error', async () => {
    // The page's own policy would keep a foreign script out.
    const page = await (await browser.newContext({ bypassCSP: true })).newPage()
    await page.goto(product.address)
    await page.addScriptTag({ path: web.resolve('hls.js/dist/hls.js') })
    const seen = await page.evaluate(async ({ played, limit }) => {
      const { Hls } = /** @type {any} */ (window)
      const video = document.createElement('video')
      video.muted = true
      document.body.append(video)
      const hls = new Hls({ lowLatencyMode: true, enableWorker: false })
      /** @type {string[]} */
      const errors = []
      hls.on(Hls.Events.ERROR, (/** @type {string} */ _, /** @type {{details: string}} */ { details }) => {
        // What a machine that stands still does to any player is none of the stream's.
        if (!['bufferStalledError', 'bufferNudgeOnStall'].includes(details)) errors.push(details)
      })
      let parts = 0
      hls.on(Hls.Events.FRAG_LOADED, (/** @type {string} */ _, /** @type {{part: unknown}} */ { part }) => {
        if (part) parts += 1
      })
      hls.loadSource('/live/cam1/sub/index.m3u8')
      hls.attachMedia(video)
      let begin = Infinity
      let latency = Infinity
      video.addEventListener('playing', () => {
        begin = Math.min(begin, video.currentTime)
      })
      void video.play()
      await new Promise((resolve) => {
        const late = setTimeout(resolve, limit)
        video.addEventListener('timeupdate', () => {
          if (hls.latency > 0) latency = Math.min(latency, hls.latency)
          if (video.currentTime <= begin + played) return
          clearTimeout(late)
          resolve(undefined)
        })
      })
      const { totalVideoFrames } = video.getVideoPlaybackQuality()
      const heard = Number(/** @type {any} */ (video).webkitAudioDecodedByteCount)
      const result = { latency, errors, parts, frames: totalVideoFrames, width: video.videoWidth, heard }
      hls.destroy()
      return result
    }, { played: PLAYED_S, limit: LIMIT_MS })
    assert.deepEqual(seen.errors, [])
    assert.equal(seen.width, 640)
    assert.ok(seen.heard > 10_000, `${seen.heard} bytes of sound`)
    assert.ok(seen.frames > PLAYED_S * 20, `${seen.frames} frames`)
    assert.ok(seen.parts > PLAYED_S * 2, `${seen.parts} parts`)
    assert.ok(seen.latency < MOST_BEHIND_S, `${seen.latency} s behind`)
    await page.context().close()
  })
})
