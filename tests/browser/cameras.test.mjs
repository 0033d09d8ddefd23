// The form of a camera, by each way in which a camera comes: what is typed is taken or refused in words,
// and the page says how the camera does.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { becomeAdmin } from './admin.mjs'
import { screenshot, startBrowser } from './page.mjs'
import { startClosed } from './product.mjs'

const WIDE = { width: 1280, height: 800 }
/** A camera that refuses is known to be offline within a second; the machine may be busy. */
const KNOWN_MS = 20_000

/** @type {import('./product.mjs').Product} */
let product
/** @type {import('./page.mjs').Browser} */
let browser
/** @type {import('./page.mjs').Page} */
let page
/** @type {string[]} */
const complaints = []

before(async () => {
  ;[product, browser] = await Promise.all([startClosed(), startBrowser()])
  page = await (await browser.newContext({ viewport: WIDE, locale: 'en-US' })).newPage()
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  await becomeAdmin(page, product)
})

after(async () => {
  await browser?.close()
  await product?.stop()
})

async function newCamera(/** @type {string} */ name) {
  await page.goto(`${product.address}/cameras/new`)
  await page.getByLabel('Name', { exact: true }).fill(name)
  // The city that every installation has is chosen once it is known.
  await page.locator('option[value=local]').waitFor({ state: 'attached' })
}

const create = () => page.getByRole('button', { name: 'Create' }).click()

/** Waits until the list of cameras says so of one: it tells how they did when it was opened. */
async function untilListed(/** @type {string} */ name, /** @type {string} */ words) {
  const until = Date.now() + KNOWN_MS
  for (;;) {
    await page.goto(`${product.address}/cameras`)
    const row = page.getByRole('row', { name: new RegExp(`^${name}`) })
    await row.waitFor()
    const told = (await row.textContent()) ?? ''
    if (told.includes(words)) return told
    assert.ok(Date.now() < until, `the list says of it: ${told}`)
    await page.waitForTimeout(500)
  }
}

/** What the tile of a camera says in the place of a picture. */
async function noticeOf(/** @type {string} */ name) {
  await page.goto(product.address)
  const notice = page.locator('.tile', { hasText: name }).locator('.notice')
  await notice.waitFor()
  return notice
}

describe('the form of a camera', () => {
  it('takes an address that we call, and says why nothing comes from there', async () => {
    await newCamera('Yard')
    await page.getByLabel('Address of the main stream', { exact: true }).fill('gopher://192.0.2.10')
    await page.getByText('Begin with one of').waitFor()
    // Nothing listens on port 1.
    await page.getByLabel('Address of the main stream', { exact: true }).fill('rtsp://127.0.0.1:1/yard')
    await page.getByText('rtsp://HOST[:PORT]/PATH').waitFor()
    await create()
    await page.getByRole('heading', { name: 'Yard', level: 1 }).waitFor()
    await page.locator('.addresses code', { hasText: 'rtsp://127.0.0.1:1/yard' }).waitFor()
    assert.match(await untilListed('Yard', 'Offline'), /The camera refused the connection/)
    await page.getByRole('link', { name: 'Yard', exact: true }).click()
    await page.locator('.status', { hasText: 'The camera refused the connection' }).waitFor()
    await screenshot(page, 'camera-rtsp')
    await (await noticeOf('Yard')).getByText('The camera refused the connection').waitFor()
    assert.deepEqual(complaints, [])
  })

  it('takes a camera that calls us, tells where its encoder gets its key, and that it is waited for', async () => {
    await newCamera('Drone')
    await page.getByLabel('Who calls').selectOption('publish')
    assert.equal(await page.getByLabel('Address of the main stream', { exact: true }).count(), 0)
    await page.getByLabel('A second sender takes over').check()
    await create()
    await page.getByRole('heading', { name: 'Drone', level: 1 }).waitFor()
    await page.locator('.addresses', { hasText: 'The camera calls us' }).waitFor()
    assert.equal(await page.getByRole('link', { name: 'Stream keys' }).getAttribute('href'), '/account')
    assert.equal(await page.getByLabel('A second sender takes over').isChecked(), true)
    await screenshot(page, 'camera-publish')
    await (await noticeOf('Drone')).getByText('Waiting for the camera to call').waitFor()
    assert.deepEqual(complaints, [])
  })

  it('refuses a file in words, where the server has no folder for files', async () => {
    await newCamera('Film')
    await page.getByLabel('Address of the main stream', { exact: true }).fill('file:clip.mkv')
    await page.getByText("A file or folder in the server's media folder").waitFor()
    // Nobody signs in to a file.
    assert.equal(await page.getByLabel('User name').count(), 0)
    await create()
    await page.locator('.refusal', { hasText: 'The server plays no files' }).waitFor()
    await screenshot(page, 'camera-file-refused')
    // What was typed is still there, to be made right.
    assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'Film')
    await page.getByLabel('Address of the main stream', { exact: true }).fill('rtsp://127.0.0.1:1/film')
    await create()
    await page.getByRole('heading', { name: 'Film', level: 1 }).waitFor()
    // The browser itself tells of the refusal, and of nothing else.
    assert.equal(complaints.length, 1, complaints.join('\n'))
    assert.match(complaints[0] ?? '', /Failed to load resource/)
  })
})
