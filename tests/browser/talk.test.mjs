// A person talks to a camera: Chromium's own beeping microphone, and a simulated
// camera that tells what it has heard.
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { openWall, pictures, startBrowser } from './page.mjs'
import { startClosedDemo } from './product.mjs'

const HEARD_WITHIN_MS = 15_000

/** @type {import('./product.mjs').Product} */
let product
/** @type {import('./page.mjs').Browser} */
let browser

before(async () => {
  const microphone = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']
  ;[product, browser] = await Promise.all([startClosedDemo(1), startBrowser(['--disable-quic', ...microphone])])
})

after(async () => {
  await browser?.close()
  await product?.stop()
})

/**
 * What the simulated camera at an address has heard.
 *
 * @param {string} address
 * @returns {Promise<{packets: number, loud: number, breaks: number}>}
 */
function heard(address) {
  const { hostname, port, pathname } = new URL(address.replace('rtsp:', 'http:'))
  const head = `GET_PARAMETER rtsp://${hostname}:${port}${pathname} RTSP/1.0\r\nCSeq: 1\r\n`
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(`${head}Content-Length: 5\r\n\r\nheard`))
    let text = ''
    socket.on('error', reject)
    socket.on('data', (chunk) => {
      text += chunk.toString()
      const told = /packets: (\d+)\r\nloud: (\d+)\r\nbreaks: (\d+)\r\n/.exec(text)
      if (told === null) return
      socket.end()
      resolve({ packets: Number(told[1]), loud: Number(told[2]), breaks: Number(told[3]) })
    })
  })
}

describe('a person at the wall', () => {
  it('is heard at the camera while the button is held, and no longer', async () => {
    const password = /operador +(\S+)/.exec(product.output())?.[1]
    assert.ok(password, product.output())
    const { page, complaints } = await openWall(browser, product.address)
    await page.getByLabel('Login', { exact: true }).fill('operador')
    await page.getByLabel('Password', { exact: true }).fill(password)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await pictures(page, 1)
    // Of the time when nobody was signed in.
    complaints.length = 0
    const address = await page.evaluate(async () => (await (await fetch('/api/v1/cameras/cam1')).json()).streams.main)
    assert.equal((await heard(address)).packets, 0)

    await page.click('[data-camera="cam1"]')
    const button = page.getByRole('button', { name: 'Talk to' })
    await button.hover()
    await page.mouse.down()
    await page.waitForSelector('.talk button.on')
    assert.equal(await button.getAttribute('aria-pressed'), 'true')
    const until = Date.now() + HEARD_WITHIN_MS
    let told = await heard(address)
    while (told.loud < 5 && Date.now() < until) {
      await page.waitForTimeout(100)
      told = await heard(address)
    }
    // The microphone beeps once a second; a packet is 20 ms.
    assert.ok(told.loud >= 5, JSON.stringify(told))
    assert.equal(told.breaks, 0)

    await page.mouse.up()
    await page.waitForFunction(() => document.querySelector('.talk button')?.getAttribute('aria-pressed') === 'false')
    await page.waitForTimeout(500)
    const after = (await heard(address)).packets
    await page.waitForTimeout(500)
    assert.equal((await heard(address)).packets, after, 'nothing more is heard')
    await page.context().close()
    assert.deepEqual(complaints, [])
  })
})
