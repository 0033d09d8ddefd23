// Recorded video in a real Chromium: made-up recordings, the real page.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { screenshot, startBrowser } from './page.mjs'
import { startRecordings } from './recordings.mjs'

const SECOND = 1_000_000
const HOUR = 3600 * SECOND
/** A whole number of groups, half a day ago. */
const AT = Math.floor((Date.now() * 1000 - 12 * HOUR) / (20 * SECOND)) * 20 * SECOND
const GAP = { from: AT + 60 * SECOND, to: AT + 600 * SECOND }
const NAMES = Array.from({ length: 16 }, (_, index) => `cam${index + 1}`)
/** The promise of a jump, with the two cores shared by server and browser. */
const JUMP_MS = 500
const FRAME = 40_000

/** @type {Awaited<ReturnType<typeof startRecordings>>} */
let server
/** @type {import('./page.mjs').Browser} */
let browser

before(async () => {
  const spans = [{ from: AT - 6 * HOUR, to: GAP.from, reason: 'wrong_password' }, { from: GAP.to, to: AT + 2 * HOUR, reason: 'power_or_crash' }, { from: AT + 3 * HOUR, to: AT + 11 * HOUR }]
  const cameras = Object.fromEntries(NAMES.map((name) => [name, name === 'cam2' ? [{ from: AT - 6 * HOUR, to: AT + 11 * HOUR }] : spans]))
  ;[server, browser] = await Promise.all([startRecordings(cameras), startBrowser()])
})

after(async () => {
  await browser?.close()
  await server?.stop()
})

const axe = await readFile(new URL('../../clients/web/node_modules/axe-core/axe.min.js', import.meta.url), 'utf8')
const iso = (/** @type {number} */ us) => new Date(us / 1000).toISOString()

/** @param {string} path @param {{width?: number, height?: number, locale?: string}} [options] */
async function open(path, { width = 1440, height = 860, locale = 'en-US' } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, locale, hasTouch: width < 500 })
  await context.addCookies([{ name: 'vms_csrf', value: 'x', url: server.address }])
  const page = await context.newPage()
  /** @type {string[]} */
  const complaints = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  await page.goto(server.address + path)
  return { page, complaints }
}

const marks = (/** @type {import('./page.mjs').Page} */ page) => page.evaluate(() => window.__vmsPlayback?.() ?? { at: 0, tiles: [] })

/** @typedef {Awaited<ReturnType<typeof marks>>} Marks */

/** @param {import('./page.mjs').Page} page @param {(found: Marks) => boolean} wanted @param {number} [timeout] */
async function until(page, wanted, timeout = 15_000) {
  const end = Date.now() + timeout
  for (;;) {
    const found = await marks(page)
    if (wanted(found)) return found
    if (Date.now() > end) throw new Error(`after ${timeout} ms the page is at ${JSON.stringify(found)}: ${await page.textContent('main')}`)
    await page.waitForTimeout(20)
  }
}

const allShow = (/** @type {number} */ count) => (/** @type {Marks} */ found) => found.tiles.length === count && found.tiles.every((tile) => tile.state === 'showing' && tile.jump !== undefined)

describe('one camera', () => {
  it('shows the frame of a moment at once, and jumps anywhere within the promise', async () => {
    const { page, complaints } = await open(`/playback?cameras=cam1&at=${iso(AT)}`)
    const first = await until(page, allShow(1))
    assert.ok(Math.abs((first.tiles[0]?.shown ?? 0) - AT) < 2 * FRAME)
    /** @type {number[]} */
    const jumps = []
    // The timeline shows two hours; all but a little of the first one is recorded.
    for (const share of [0.05, 0.4, 0.21, 0.33, 0.11, 0.47, 0.02, 0.27]) {
      const before = (await marks(page)).at
      const box = await page.locator('canvas').boundingBox()
      await page.mouse.click((box?.x ?? 0) + (box?.width ?? 0) * share, (box?.y ?? 0) + 40)
      const found = await until(page, (now) => now.at !== before && allShow(1)(now))
      jumps.push(Math.round(found.tiles[0]?.jump ?? Infinity))
    }
    console.log(`jumps, ms: ${jumps.join(' ')}`)
    assert.ok(jumps.every((ms) => ms < JUMP_MS), String(jumps))
    assert.deepEqual(complaints, [])
    await page.context().close()
  })

  it('plays on the clock, over a gap that it tells of', async () => {
    const { page, complaints } = await open(`/playback?cameras=cam1&at=${iso(GAP.from - 3 * SECOND)}`)
    await until(page, allShow(1))
    await page.keyboard.press('Space')
    await page.waitForTimeout(1500)
    const playing = await marks(page)
    assert.ok(Math.abs((playing.tiles[0]?.shown ?? 0) - playing.at) < 3 * FRAME, JSON.stringify(playing))
    await until(page, (found) => found.at > GAP.to && found.tiles[0]?.state === 'showing')
    assert.match((await page.textContent('.jumped')) ?? '', /9m without recording were skipped · The camera refused the password/)
    await screenshot(page, 'playback-gap')
    await page.keyboard.press('Space')
    assert.deepEqual(complaints, [])
    await page.context().close()
  })

  it('goes frame by frame, both ways and over the edges of groups', async () => {
    const { page, complaints } = await open(`/playback?cameras=cam1&at=${iso(AT)}`)
    await until(page, allShow(1))
    for (const [key, by] of /** @type {const} */ ([['.', 1], ['.', 2], [',', 1], [',', 0], [',', -1], [',', -2]])) {
      await page.keyboard.press(key)
      const found = await until(page, (now) => Math.abs(now.at - (AT + by * FRAME)) <= 2000 && Math.abs((now.tiles[0]?.shown ?? 0) - now.at) <= 2000)
      assert.equal(found.tiles[0]?.state, 'showing')
    }
    assert.deepEqual(complaints, [])
    await page.context().close()
  })

  for (const speed of ['16', '8', '0.125']) {
    it(`plays ${speed} times as fast, forward and back`, async () => {
      const { page, complaints } = await open(`/playback?cameras=cam1&at=${iso(AT - HOUR)}`)
      await until(page, allShow(1))
      await page.selectOption('.controls select', speed)
      for (const name of ['Play', 'Play backwards']) {
        await page.getByRole('button', { name, exact: true }).click()
        await until(page, allShow(1))
        const begin = await marks(page)
        await page.waitForTimeout(2500)
        const end = await marks(page)
        const wanted = 2.5 * SECOND * Number(speed) * (name === 'Play' ? 1 : -1)
        const share = (end.at - begin.at) / wanted
        console.log(`${name} at ${speed}: ${share.toFixed(2)} of the wanted way, picture ${((end.tiles[0]?.shown ?? 0) - end.at) / SECOND} s beside the clock`)
        assert.ok(share > 0.7 && share < 1.2, `${share}`)
        // By key frames the picture is at most a group and a look-up behind.
        assert.ok(Math.abs((end.tiles[0]?.shown ?? 0) - end.at) < (2.5 + Number(speed) * 0.25) * SECOND)
      }
      assert.deepEqual(complaints, [])
      await page.context().close()
    })
  }
})

describe('where nothing is recorded', () => {
  /** The last recording ended half an hour before, and nothing came since. */
  const AFTER = AT + 11 * HOUR + HOUR / 2

  it('says so without asking in vain, and leads to what is nearest', async () => {
    const { page, complaints } = await open(`/playback?cameras=cam1,cam2&at=${iso(AFTER)}`)
    await page.getByText(/Nothing of Camera cam1 is recorded at/).waitFor()
    await page.waitForTimeout(2500)
    assert.equal(server.asked.filter((one) => one.startsWith(`GET /playback/`) && one.includes(`/${AFTER}.m4s`)).length, 0)
    await screenshot(page, 'playback-nothing')
    await page.getByRole('button', { name: /Recorded until/ }).click()
    await until(page, allShow(2))
    // Into a gap: what comes after it is offered too.
    await page.goto(`${server.address}/playback?cameras=cam1&at=${iso(GAP.from + 60 * SECOND)}`)
    await page.getByRole('button', { name: /Recorded from/ }).click()
    const found = await until(page, allShow(1))
    assert.equal(found.at, GAP.to)
    assert.deepEqual(complaints, [])
    await page.context().close()
  })
})

describe('several cameras', () => {
  it('are shown by fours, one looked at closely', async () => {
    const { page, complaints } = await open(`/playback?cameras=${NAMES.slice(0, 6).join(',')}&at=${iso(AT)}`)
    await until(page, allShow(6))
    await page.keyboard.press('2')
    await until(page, allShow(4))
    await page.keyboard.press('PageDown')
    const last = await until(page, allShow(2))
    assert.deepEqual(last.tiles.map((tile) => tile.id), ['cam5', 'cam6'])
    await page.hover('[data-camera=cam6]')
    for (let turn = 0; turn < 4; turn += 1) await page.mouse.wheel(0, -100)
    const large = page.locator('[data-camera=cam6] video')
    assert.match((await large.getAttribute('style')) ?? '', /scale\(2\.44/)
    // Who looks closer gets the large picture.
    await page.waitForFunction(() => document.querySelector('[data-camera=cam6] video') instanceof HTMLVideoElement && (/** @type {HTMLVideoElement} */ (document.querySelector('[data-camera=cam6] video'))).videoWidth === 1280)
    await page.waitForTimeout(300)
    await screenshot(page, 'playback-closer')
    await page.keyboard.press('Escape')
    assert.deepEqual(complaints, [])
    await page.context().close()
  })

  it('sixteen play in step, with at least 95 % of their frames decoded', async () => {
    const { page, complaints } = await open(`/playback?cameras=${NAMES.join(',')}&at=${iso(AT - HOUR)}`)
    await until(page, allShow(16), 30_000)
    await page.keyboard.press('Space')
    await page.waitForTimeout(3000)
    const quality = () => page.evaluate(() => [...document.querySelectorAll('video')].map((video) => video.getVideoPlaybackQuality()).map(({ totalVideoFrames, droppedVideoFrames }) => totalVideoFrames - droppedVideoFrames))
    const before = await quality()
    const begin = await marks(page)
    await page.waitForTimeout(5000)
    const frames = (await quality()).map((count, index) => count - (before[index] ?? 0))
    const end = await marks(page)
    const wanted = ((end.at - begin.at) / SECOND) * 25
    const off = end.tiles.map((tile) => Math.abs(tile.shown - end.at) / 1000).sort((one, other) => one - other)
    console.log(`16 tiles: ${Math.round((Math.min(...frames) / wanted) * 100)} % of frames at least, beside the clock: half ${off[8]} ms, most ${off[15]} ms, held ${end.tiles[0]?.held_s} s`)
    await screenshot(page, 'playback-16')
    assert.ok(end.tiles.every((tile) => tile.held_s < 30))
    assert.ok((off[15] ?? Infinity) < 3 * (FRAME / 1000), `${off}`)
    assert.ok(Math.min(...frames) / wanted > 0.9, `${frames} of ${wanted}`)
    assert.deepEqual(complaints, [])
    await page.context().close()
  })

  it('one with a gap waits while the other plays', async () => {
    const { page } = await open(`/playback?cameras=cam1,cam2&at=${iso(GAP.from - 2 * SECOND)}`)
    await until(page, allShow(2))
    await page.keyboard.press('Space')
    await until(page, (found) => found.at > GAP.from + 2 * SECOND)
    assert.match((await page.textContent('[data-camera=cam1] .notice')) ?? '', /Not recordedThe camera refused the password · 9m/)
    assert.equal((await marks(page)).tiles.find((tile) => tile.id === 'cam2')?.state, 'showing')
    await page.hover('canvas', { position: { x: 500, y: 40 } })
    await page.waitForSelector('.timeline-tip img')
    await screenshot(page, 'playback-2')
    await page.context().close()
  })
})

describe('the rest of the screen', () => {
  it('is usable on a telephone, in every language', async () => {
    for (const locale of ['pt-BR', 'es-ES']) {
      const { page, complaints } = await open(`/playback?cameras=cam1&at=${iso(AT)}`, { width: 360, height: 740, locale })
      await until(page, allShow(1))
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360)
      await screenshot(page, `playback-360-${locale}`)
      assert.deepEqual(complaints, [])
      await page.context().close()
    }
  })

  it('is walked through by keys alone, and tells which', async () => {
    const { page, complaints } = await open(`/playback?cameras=cam1&at=${iso(AT)}`)
    await until(page, allShow(1))
    await page.keyboard.press('?')
    await page.getByRole('dialog').getByText('Frame before, next frame').waitFor()
    await screenshot(page, 'playback-help')
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    await page.keyboard.press('g')
    await until(page, (found) => found.at === GAP.from)
    await page.keyboard.press('Shift+B')
    await until(page, (found) => found.at === AT - 6 * HOUR + 60 * SECOND)
    await page.keyboard.press('l')
    await page.keyboard.press('l')
    const begin = await until(page, allShow(1))
    await page.waitForTimeout(2000)
    const way = ((await marks(page)).at - begin.at) / SECOND
    assert.ok(way > 2.6 && way < 5.2, `${way} s in 2 s at twice the speed`)
    await page.keyboard.press('k')
    /** @type {string[]} */
    const order = []
    for (let stop = 0; stop < 40; stop += 1) {
      await page.keyboard.press('Tab')
      order.push(await page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? ''))
    }
    const at = (/** @type {string} */ name) => order.indexOf(name)
    assert.ok(at('Recording of Camera cam1') < at('Play') && at('Play') < at('Export…') && at('Export…') < at('Timeline'), order.join(' | '))
    assert.deepEqual(complaints, [])
    await page.context().close()
  })

  it('exports a range that the two handles choose', async () => {
    const { page } = await open(`/playback?cameras=cam1,cam2&at=${iso(AT)}`)
    await until(page, allShow(2))
    await page.getByRole('button', { name: 'Range' }).click()
    await page.getByRole('slider', { name: 'To' }).focus()
    await page.keyboard.press('Shift+ArrowRight')
    await screenshot(page, 'playback-range')
    await page.getByRole('button', { name: 'Export…' }).click()
    const start = page.getByRole('button', { name: 'Start' })
    assert.ok(await start.isDisabled())
    await page.getByLabel('Reason').fill('Police report')
    await screenshot(page, 'playback-export')
    await start.click()
    await page.waitForSelector('.exports progress')
    const sent = /** @type {{path: string, body: {parts: {camera: string, from_us: number, to_us: number}[], why: string}}[]} */ (server.sent)
    const body = sent.find((one) => one.path === '/exports')?.body
    assert.equal(body?.why, 'Police report')
    assert.deepEqual(body?.parts.map((part) => part.camera), ['cam1', 'cam2'])
    assert.equal(body?.parts[0]?.from_us, AT)
    assert.ok((body?.parts[0]?.to_us ?? 0) > AT + 60 * SECOND)
    await screenshot(page, 'playback-exports')
    await page.getByRole('button', { name: 'Choose a day' }).or(page.locator('button[aria-haspopup=dialog]')).first().click()
    await page.waitForSelector('.day.recorded')
    await screenshot(page, 'playback-calendar')
    await page.context().close()
  })

  it('tells of storage and of rules', async () => {
    const { page } = await open('/storage')
    await page.waitForSelector('.forecast')
    assert.equal(await page.textContent('.forecast'), '23.4 days')
    await screenshot(page, 'storage')
    await page.context().close()
  })

  it('has no faults that axe finds', async () => {
    const { page } = await open(`/playback?cameras=cam1,cam2&at=${iso(AT)}`)
    await until(page, allShow(2))
    await page.evaluate(axe)
    const found = await page.evaluate(async () => {
      // @ts-expect-error -- it puts itself into the page
      const { violations } = await window.axe.run(document, { resultTypes: ['violations'] })
      return violations.map((/** @type {{id: string, nodes: {html: string}[]}} */ one) => `${one.id}: ${one.nodes.map((node) => node.html).join(' ')}`)
    })
    assert.deepEqual(found, [])
    await page.context().close()
  })
})
