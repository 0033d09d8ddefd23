// The product by TLS in a real Chromium: pages by HTTP/2, the WebSocket beside
// it by HTTP/1.1, as the front offers no WebSocket within HTTP/2 (RFC 8441).
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { assertMoving, openWall, pictures, startBrowser } from './page.mjs'
import { startDemo } from './product.mjs'

/** @type {import('./product.mjs').Product} */
let product
/** @type {import('./page.mjs').Browser} */
let browser

before(async () => {
  ;[product, browser] = await Promise.all([startDemo(2, { VMS_TLS__MODE: 'on' }), startBrowser()])
})

after(async () => {
  await browser?.close()
  await product?.stop()
})

it('shows moving pictures, all of it by HTTP/2 and TLS', async () => {
  assert.match(product.address, /^https:/)
  const { page, complaints } = await openWall(browser, product.address)
  await pictures(page, 2)
  await assertMoving(page)
  const asked = await page.evaluate(() =>
    /** @type {PerformanceResourceTiming[]} */ (
      [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
    ).map((entry) => `${entry.nextHopProtocol} ${new URL(entry.name).pathname}`),
  )
  assert.ok(
    asked.some((text) => text.endsWith('/whep')),
    asked.join(),
  )
  assert.deepEqual(
    asked.filter((text) => !text.startsWith('h2 ')),
    [],
  )
  // The states come by WebSocket alone.
  assert.equal(await page.textContent('.summary'), '2 of 2 live')
  const socket = page.waitForEvent('websocket')
  await page.reload()
  assert.match((await socket).url(), /^wss:.*\/ws\/events$/)
  await (await socket).waitForEvent('framereceived')
  await page.context().close()
  assert.deepEqual(complaints, [])
})
