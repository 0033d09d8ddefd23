// The wall by the media socket, as it is where WebRTC is not possible: a real Chromium decodes it.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { assertMoving, openWall, pictures, screenshot, startBrowser, statsWhere } from './page.mjs'
import { startDemo } from './product.mjs'

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

describe('the wall by the media socket', () => {
  it('shows moving pictures of every camera, and says how they come', async () => {
    const address = new URL(product.address)
    address.searchParams.set('way', 'socket')
    const { page, complaints } = await openWall(browser, address.href)
    const stats = await pictures(page, CAMERAS)
    assert.deepEqual([...new Set(stats.map((tile) => `${tile.way} ${tile.width}x${tile.height}`))], ['socket 640x360'])
    await assertMoving(page)
    // What is shown, not only what was decoded.
    await page.waitForFunction((count) => {
      const videos = [...document.querySelectorAll('video')]
      return videos.filter((video) => video.currentTime > 1 && video.videoWidth === 640).length >= count
    }, CAMERAS)
    await page.keyboard.press('i')
    await page.getByText('by WebSocket').first().waitFor()
    await screenshot(page, 'socket')
    await page.keyboard.press('Enter')
    const large = await statsWhere(page, (all) => all.some((tile) => tile.stream === 'main' && (tile.framesDecoded ?? 0) > 25))
    assert.ok(large.some((tile) => tile.stream === 'main' && tile.width === 1920))
    await page.context().close()
    assert.deepEqual(complaints, [])
  })
})
