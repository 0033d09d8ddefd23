// The product as a person meets it: real processes, a real Chromium.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { assertMoving, isPlaying, openWall, pictures, screenshot, startBrowser, statsOf, statsWhere } from './page.mjs'
import { startDemo, startFiles, startUp } from './product.mjs'

const LATEST_FIRST_PICTURE_MS = 15_000

/** @type {import('./product.mjs').Product} */
let product
/** @type {import('./page.mjs').Browser} */
let browser

before(async () => {
  ;[product, browser] = await Promise.all([startDemo(16), startBrowser()])
})

after(async () => {
  await browser?.close()
  await product?.stop()
})

/** Closes the page, and fails when it had to complain. */
async function done(/** @type {import('./page.mjs').Page} */ page, /** @type {string[]} */ complaints) {
  await page.context().close()
  assert.deepEqual(complaints, [])
}

describe('the wall', () => {
  it('shows moving pictures of every camera, from sub-streams', async () => {
    const { page, complaints } = await openWall(browser, product.address)
    const stats = await pictures(page, 16)
    assert.equal(stats.length, 16)
    assert.ok(stats.every((tile) => tile.stream === 'sub' && tile.width === 640 && tile.height === 360))
    await assertMoving(page)
    assert.equal(await page.textContent('.summary'), '16 of 16 live')
    assert.match((await page.textContent('.open-mode')) ?? '', /anyone on this machine/)
    await screenshot(page, 'wall')
    await done(page, complaints)
  })

  it('has its pictures soon after the page was opened', async () => {
    const { page, complaints } = await openWall(browser, product.address)
    const stats = await pictures(page, 16)
    const firsts = stats.map((tile) => tile.firstFrame ?? Infinity).sort((a, b) => a - b)
    const of = (/** @type {number} */ share) => Math.round(firsts[Math.ceil(firsts.length * share) - 1] ?? Infinity)
    console.log(`16 tiles, first picture after: half ${of(0.5)} ms, all ${of(1)} ms`)
    // The goal of 1 s is measured by the benchmarks, alone on a machine; here others work beside.
    assert.ok(of(1) < LATEST_FIRST_PICTURE_MS, `the last picture came after ${of(1)} ms`)
    await done(page, complaints)
  })

  it('enlarges a camera by keyboard alone, with its main stream, and comes back', async () => {
    const { page, complaints } = await openWall(browser, product.address)
    await pictures(page, 16)
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowDown')
    assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('data-camera')), 'cam6')
    await page.keyboard.press('Enter')
    const played = (/** @type {import('./page.mjs').Stats} */ stats) =>
      stats.find((tile) => tile.stream === 'main' && (tile.framesDecoded ?? 0) > 25)
    const main = played(await statsWhere(page, (stats) => played(stats) !== undefined))
    assert.deepEqual([main?.camera, main?.width, main?.height], ['cam6', 1920, 1080])
    await page.keyboard.press('i')
    await page.waitForSelector('.enlarged .details')
    await screenshot(page, 'enlarged')
    await page.keyboard.press('Escape')
    await page.waitForSelector('.enlarged', { state: 'detached' })
    assert.equal((await statsOf(page)).filter((tile) => tile.stream === 'main').length, 0)
    await screenshot(page, 'details')
    await page.keyboard.press('?')
    await page.waitForSelector('dialog[open]')
    await screenshot(page, 'help')
    await page.keyboard.press('Escape')
    await page.waitForSelector('dialog', { state: 'detached' })
    await done(page, complaints)
  })

  it('scrolls where tiles would be too small, pauses those out of sight and soon asks for the others alone', async () => {
    const { page, complaints } = await openWall(browser, product.address)
    await pictures(page, 16)
    const pauses = page.waitForRequest((request) => request.method() === 'PATCH' && request.postData() === '{"paused":true}')
    await page.setViewportSize({ width: 360, height: 500 })
    await page.waitForSelector('.scroller.scrolls')
    const plays = (/** @type {import('./page.mjs').Stats} */ stats, /** @type {string} */ camera) =>
      stats.some((tile) => tile.camera === camera && isPlaying(tile))
    await statsWhere(page, (stats) => plays(stats, 'cam1') && !plays(stats, 'cam16'))
    const width = await page.locator('.tile').first().evaluate((tile) => tile.clientWidth)
    assert.ok(width >= 130, `a tile is ${width} px wide`)
    assert.equal((await (await pauses).response())?.status(), 204)
    await page.keyboard.press('End')
    await statsWhere(page, (stats) => plays(stats, 'cam16') && !plays(stats, 'cam1'))
    await screenshot(page, 'wall-narrow')
    await page.keyboard.press('Enter')
    const box = await page.locator('.enlarged').boundingBox()
    assert.ok((box?.y ?? -1) >= 0 && (box?.y ?? 0) + (box?.height ?? 0) <= 500, `the enlarged tile is at ${JSON.stringify(box)}`)
    await page.keyboard.press('Escape')
    await statsWhere(page, (stats) => plays(stats, 'cam16'))
    await done(page, complaints)
  })

  it("speaks the browser's language, and another on demand", async () => {
    const { page, complaints } = await openWall(browser, product.address, 'pt-BR')
    await page.waitForSelector('.tile')
    await page.locator('.summary', { hasText: '16 de 16 ao vivo' }).waitFor()
    await page.selectOption('.language', 'es')
    assert.equal(await page.textContent('.summary'), '16 de 16 en vivo')
    assert.equal(await page.getAttribute('html', 'lang'), 'es')
    await done(page, complaints)
  })

  it('ends its sessions when the page is closed', async () => {
    const { page, complaints } = await openWall(browser, product.address)
    await pictures(page, 16)
    await done(page, complaints)
    const until = Date.now() + 10_000
    for (;;) {
      const answer = await fetch(`${product.address}/api/v1/streams`)
      const { items } = /** @type {{items: {readers: number}[]}} */ (await answer.json())
      const readers = items.reduce((sum, stream) => sum + stream.readers, 0)
      if (readers === 0) return
      assert.ok(Date.now() < until, `${readers} readers are left`)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  })

  it('plays on when the API is killed, and comes back when the media process is', async () => {
    const { page } = await openWall(browser, product.address)
    await pictures(page, 16)
    const { pids } = await product.run()
    for (const pid of pids.api) process.kill(pid, 'SIGKILL')
    await assertMoving(page)
    await page.waitForSelector('.offline', { state: 'detached' })
    // Tiles come back one by one, so no moment need be without any picture:
    // each counts as back once it plays a session that counts frames anew. That
    // is seen as long as the old one had counted many.
    const counted = await statsWhere(page, (stats) => stats.length === 16 && stats.every((tile) => (tile.framesDecoded ?? 0) > 100))
    const decoded = new Map(counted.map((tile) => [tile.camera, tile.framesDecoded ?? 0]))
    /** @type {Set<string>} */
    const back = new Set()
    const killed = Date.now()
    process.kill(pids.media, 'SIGKILL')
    await statsWhere(
      page,
      (stats) => {
        for (const tile of stats.filter(isPlaying)) {
          if ((tile.framesDecoded ?? 0) < (decoded.get(tile.camera) ?? 0)) back.add(tile.camera)
        }
        return back.size === 16 && stats.every(isPlaying)
      },
      60_000,
    )
    console.log(`all pictures back ${Date.now() - killed} ms after the media process was killed`)
    await assertMoving(page)
    await page.context().close()
  })
})

describe('a camera on demand', () => {
  it('is opened by being looked at, and left after the last look', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'vms-demand-'))
    const made = '-v error -f lavfi -i testsrc2=s=640x360:r=25 -t 4 -pix_fmt yuv420p -c:v libx264 -preset ultrafast -bf 0 -g 25'
    await promisify(execFile)('ffmpeg', [...made.split(' '), join(folder, 'film.mp4')])
    const quiet = await startFiles(folder, { film: 'film.mp4' }, { on_demand: true }, { VMS_SOURCE__LINGER_MS: '500' })
    const becomes = async (/** @type {string} */ wanted) => {
      const until = Date.now() + 20_000
      for (;;) {
        const { items } = await (await fetch(`${quiet.address}/api/v1/streams`)).json()
        const state = /** @type {{state: string}[]} */ (items)[0]?.state
        if (state === wanted) return
        assert.ok(Date.now() < until, `the camera is ${state}, not ${wanted}`)
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    }
    try {
      await becomes('idle')
      const { page, complaints } = await openWall(browser, quiet.address)
      await pictures(page, 1)
      await assertMoving(page)
      await page.locator('.summary', { hasText: '1 of 1 live' }).waitFor()
      await page.locator('.notice').waitFor({ state: 'detached' })
      await done(page, complaints)
      await becomes('idle')
    } finally {
      await quiet.stop()
      await rm(folder, { recursive: true, force: true })
    }
  })
})

describe('a wall without pictures', () => {
  it('says why, in the language of the page', async () => {
    // Nothing listens on port 1 of this machine.
    const dark = await startUp('dark=rtsp://127.0.0.1:1/live')
    try {
      const { page, complaints } = await openWall(browser, dark.address, 'pt-BR')
      await page.waitForSelector('.notice.bad')
      assert.equal(await page.textContent('.notice span'), 'A câmera recusou a conexão')
      await screenshot(page, 'no-picture')
      await done(page, complaints)
    } finally {
      await dark.stop()
    }
  })
})
