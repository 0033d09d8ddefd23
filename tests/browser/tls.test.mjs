// The product by TLS in a real Chromium: pages by HTTP/2, the WebSocket beside
// it by HTTP/1.1, as the front offers no WebSocket within HTTP/2 (RFC 8441).
import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, it } from 'node:test'
import { assertMoving, isPlaying, openWall, pictures, startBrowser } from './page.mjs'
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

/**
 * How each thing of a page came: protocol and path.
 *
 * @param {import('./page.mjs').Page} page
 */
function protocols(page) {
  return page.evaluate(() =>
    /** @type {PerformanceResourceTiming[]} */ (
      [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
    ).map((entry) => `${entry.nextHopProtocol} ${new URL(entry.name).pathname}`),
  )
}

it('shows moving pictures, all of it by HTTP/2 and TLS', async () => {
  assert.match(product.address, /^https:/)
  const { page, complaints } = await openWall(browser, product.address)
  await pictures(page, 2)
  await assertMoving(page)
  const asked = await protocols(page)
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

// Without a word from its user a browser speaks HTTP/3 only where an authority
// has signed the certificate, and tries TCP first.
it('shows moving pictures, all of it by HTTP/3', async () => {
  const pem = await readFile(join(product.data, 'tls', 'certificate.pem'))
  const key = new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' })
  const hash = createHash('sha256').update(key).digest('base64')
  const quic = await startBrowser([
    '--enable-quic',
    `--origin-to-force-quic-on=${new URL(product.address).host}`,
    `--ignore-certificate-errors-spki-list=${hash}`,
  ])
  try {
    const { page } = await openWall(quic, product.address)
    const stats = await pictures(page, 2)
    const asked = await protocols(page)
    assert.deepEqual(
      asked.filter((text) => !text.startsWith('h3 ')),
      [],
    )
    assert.equal(stats.filter(isPlaying).length, 2)
  } finally {
    await quic.close()
  }
})
