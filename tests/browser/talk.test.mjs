// A person talks to a camera: Chromium's own beeping microphone, and a simulated
// camera that tells what it has heard.
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { totp } from './admin.mjs'
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
 * Asks the simulated camera at an address something of the simulator, and returns what it says.
 *
 * @param {string} method
 * @param {string} address
 * @param {string} body
 * @param {RegExp} wanted in the answer
 * @returns {Promise<RegExpExecArray>}
 */
function ask(method, address, body, wanted) {
  const { hostname, port, pathname } = new URL(address.replace('rtsp:', 'http:'))
  const head = `${method} rtsp://${hostname}:${port}${pathname} RTSP/1.0\r\nCSeq: 1\r\n`
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(`${head}Content-Length: ${body.length}\r\n\r\n${body}`))
    let text = ''
    socket.on('error', reject)
    socket.on('data', (chunk) => {
      text += chunk.toString()
      const told = wanted.exec(text)
      if (told === null) return
      socket.end()
      resolve(told)
    })
  })
}

/**
 * What a camera has heard.
 *
 * @param {string} address
 * @returns {Promise<{packets: number, loud: number, breaks: number}>}
 */
async function heard(address) {
  const told = await ask('GET_PARAMETER', address, 'heard', /packets: (\d+)\r\nloud: (\d+)\r\nbreaks: (\d+)\r\n/)
  return { packets: Number(told[1]), loud: Number(told[2]), breaks: Number(told[3]) }
}

/**
 * Asks the product's API.
 *
 * @param {string} path
 * @param {{token?: string, body?: object}} [how]
 */
async function api(path, { token, body } = {}) {
  const headers = { 'Content-Type': 'application/json', ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }) }
  const answer = await fetch(`${product.address}/api/v1${path}`, body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) })
  assert.ok(answer.ok, `${path}: ${await answer.clone().text()}`)
  return answer.json()
}

/** The token of the city's manager, who may read the audit. */
async function manager() {
  const [, password, secret] = /gestor +(\S+) +(\S+)/.exec(product.output()) ?? []
  assert.ok(password && secret, product.output())
  const { ticket } = await api('/auth/sign-in', { body: { login: 'gestor', password } })
  return (await api('/auth/second-factor', { body: { ticket, code: totp(secret) } })).access
}

/**
 * How talks ended, as the audit has it, the oldest first.
 *
 * @param {string} token
 * @returns {Promise<{actor: string, object: string, details: {reason: string, lasted_ms: number}}[]>}
 */
async function ends(token) {
  return (await api('/audit?city=local&action=talk.end', { token })).items.reverse()
}

/**
 * The same, once so many have ended.
 *
 * @param {string} token
 * @param {number} count
 */
async function endsWhere(token, count) {
  const until = Date.now() + HEARD_WITHIN_MS
  for (;;) {
    const written = await ends(token)
    if (written.length >= count) return written
    if (Date.now() > until) throw new Error(`the audit has ${JSON.stringify(written)}, not ${count} ends`)
    await delay(100)
  }
}

describe('a person at the wall', () => {
  it('is heard at the camera while the button is held, and is told when the camera hangs up', async () => {
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
    // Once the audit has its end the way to the camera is closed.
    const token = await manager()
    const first = await endsWhere(token, 1)
    assert.deepEqual(first.map(({ details }) => details.reason), ['talk_left'])
    // Nothing more is heard, once the camera has taken what was on its way: who talks sends 50 packets a second.
    const silentBy = Date.now() + HEARD_WITHIN_MS
    let before = -1
    let after = (await heard(address)).packets
    while (after !== before) {
      assert.ok(Date.now() < silentBy, `${after} packets, and more come`)
      await delay(500)
      before = after
      after = (await heard(address)).packets
    }

    await ask('SET_PARAMETER', address, 'fault: bad_talk:hangs_up', /^RTSP\/1.0 200/)
    await button.press('Enter')
    await page.getByText('The talk ended: the camera hung up').waitFor({ timeout: 10_000 })
    assert.equal(await button.getAttribute('aria-pressed'), 'false')
    const written = await endsWhere(token, 2)
    assert.deepEqual(
      written.map(({ object, details }) => [object, details.reason]),
      [
        ['camera:cam1', 'talk_left'],
        ['camera:cam1', 'talk_camera_closed'],
      ],
    )
    assert.match(written[0]?.actor ?? '', /^user:/)
    assert.ok(written.every((one) => one.details.lasted_ms > 0), JSON.stringify(written))
    await page.context().close()
    assert.deepEqual(complaints, [])
  })
})
