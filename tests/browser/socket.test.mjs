// The wall by every way that is not WebRTC, as it is where WebRTC is not possible, in a real Chromium.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { assertMoving, openWall, pictures, screenshot, startBrowser, statsWhere } from './page.mjs'
import { startDemo, startFiles } from './product.mjs'

const CAMERAS = 4

/** @type {import('./product.mjs').Product} */
let product
/** @type {import('./page.mjs').Browser} */
let browser

before(async () => {
  ;[product, browser] = await Promise.all([startDemo(CAMERAS), startBrowser()])
})

after(async () => {
  await browser?.close()
  await product?.stop()
})

/**
 * The wall, with all its pictures, by one way.
 *
 * @param {'socket' | 'mse' | 'hls'} way
 */
async function wallBy(way) {
  const address = new URL(product.address)
  address.searchParams.set('way', way)
  const { page, complaints } = await openWall(browser, address.href)
  const stats = await pictures(page, CAMERAS)
  assert.deepEqual([...new Set(stats.map((tile) => `${tile.way} ${tile.width}x${tile.height}`))], [`${way} 640x360`])
  await assertMoving(page)
  return { page, complaints }
}

/** @param {import('./page.mjs').Page} page */
async function assertShown(page) {
  // What is shown, not only what was decoded.
  await page.waitForFunction((count) => {
    const videos = [...document.querySelectorAll('video')]
    return videos.filter((video) => video.currentTime > 1 && video.videoWidth === 640).length >= count
  }, CAMERAS)
}

/** @param {import('./page.mjs').Page} page */
async function assertEnlarges(page) {
  await page.keyboard.press('Enter')
  const large = await statsWhere(page, (all) => all.some((tile) => tile.stream === 'main' && (tile.framesDecoded ?? 0) > 25))
  assert.ok(large.some((tile) => tile.stream === 'main' && tile.width === 1920))
}

describe('the wall by the media socket', () => {
  it('shows moving pictures of every camera, and says how they come', async () => {
    const { page, complaints } = await wallBy('socket')
    await assertShown(page)
    await page.keyboard.press('i')
    await page.getByText('by WebSocket').first().waitFor()
    await screenshot(page, 'socket')
    await assertEnlarges(page)
    await page.context().close()
    assert.deepEqual(complaints, [])
  })

  it('shows them where there are no WebCodecs, close behind the newest', async () => {
    const { page, complaints } = await wallBy('mse')
    await page.keyboard.press('i')
    await page.getByText('by WebSocket (MSE)').first().waitFor()
    await screenshot(page, 'mse')
    const late = await statsWhere(page, (all) => all.every((tile) => (tile.jitterBufferDelay ?? Infinity) < 2000))
    assert.equal(late.length, CAMERAS)
    // What was shown is forgotten.
    await page.waitForFunction(() => {
      const buffered = [...document.querySelectorAll('video')].map((video) => video.buffered)
      return buffered.every((one) => one.length > 0 && one.start(0) > 2 && one.end(0) - one.start(0) < 20)
    })
    await assertEnlarges(page)
    await page.context().close()
    assert.deepEqual(complaints, [])
  })

  it("shows them by the browser's own HLS, where there is nothing else", async () => {
    const { page, complaints } = await wallBy('hls')
    await page.context().close()
    assert.deepEqual(complaints, [])
  })
})

describe('a camera of H.265', () => {
  /** @type {string} */
  let folder
  /** @type {import('./product.mjs').Product} */
  let cinema

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vms-h265-'))
    const made = '-v error -f lavfi -i testsrc2=s=640x360:r=25 -t 10 -pix_fmt yuv420p -c:v libx265 -preset ultrafast -x265-params bframes=0:keyint=50:log-level=none'
    await promisify(execFile)('ffmpeg', [...made.split(' '), join(folder, 'h265.mkv')])
    cinema = await startFiles(folder, { film: 'h265.mkv' })
  })

  after(async () => {
    await cinema?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  for (const way of ['socket', 'mse']) {
    it(`is seen by ${way} whether the browser plays H.265 or not`, async () => {
      const address = new URL(cinema.address)
      address.searchParams.set('way', way)
      const { page, complaints } = await openWall(browser, address.href)
      const [tile] = await pictures(page, 1)
      const plays = await page.evaluate(async (by) => {
        const codec = 'hvc1.1.6.L120.90'
        if (by === 'mse') return MediaSource.isTypeSupported(`video/mp4; codecs="${codec}"`)
        return (await VideoDecoder.isConfigSupported({ codec, codedWidth: 1920, codedHeight: 1080 })).supported === true
      }, way)
      assert.equal(tile?.way, way)
      assert.deepEqual(tile?.chosen, plays ? { variant: 'as_is', reason: null } : { variant: 'transcoded', reason: 'codec' })
      await assertMoving(page)
      if (!plays) {
        await page.keyboard.press('i')
        await page.getByText('converted picture').waitFor()
      }
      await page.context().close()
      assert.deepEqual(complaints, [])
    })
  }
})
