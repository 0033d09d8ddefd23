// Cameras of other codecs than H.264 and H.265 on the wall, in a real Chromium.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { assertMoving, isPlaying, openWall, screenshot, startBrowser, statsWhere } from './page.mjs'
import { startDemo } from './product.mjs'

/** @type {import('./page.mjs').Browser} */
let browser

before(async () => {
  browser = await startBrowser()
})

after(() => browser?.close())

/** What a camera of this codec is shown by. @param {string} codec */
async function shown(codec) {
  const product = await startDemo(1, {}, '--codec', codec, '--size', '720p')
  try {
    const { page, complaints } = await openWall(browser, product.address)
    // Until the main stream is live the tile may show the sub-stream.
    const [tile] = await statsWhere(page, ([only]) => only?.stream === 'main' && isPlaying(only))
    await assertMoving(page)
    await screenshot(page, `codec-${codec}`)
    await page.context().close()
    return { told: `${tile?.way} ${tile?.width}x${tile?.height} ${tile?.codec}`, complaints }
  } finally {
    await product.stop()
  }
}

describe('the wall shows', () => {
  it('AV1 by WebRTC', async () => {
    const { told, complaints } = await shown('av1')
    assert.match(told, /^webrtc 1280x720 .*AV1$/i)
    assert.deepEqual(complaints, [])
  })

  it('Motion JPEG, converted once, as WebRTC has none', async () => {
    const { told, complaints } = await shown('mjpeg')
    assert.equal(told, 'webrtc 1280x720 H264')
    assert.deepEqual(complaints, [])
  })
})
