// A Chromium with one page, and what tests ask of the wall in it.
import { mkdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const web = createRequire(new URL('../../clients/web/package.json', import.meta.url))
/** @type {import('../../clients/web/node_modules/playwright-core/index.js')} */
const { chromium } = web('playwright-core')

const ARTIFACTS = fileURLToPath(new URL('../artifacts', import.meta.url))

/** @typedef {import('../../clients/web/node_modules/playwright-core/index.js').Page} Page */
/** @typedef {import('../../clients/web/node_modules/playwright-core/index.js').Browser} Browser */

/**
 * A browser that asks nothing of the network but what the page asks.
 *
 * @param {string[]} flags of Chromium, beside those of every test
 */
export function startBrowser(flags = ['--disable-quic']) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      ...flags,
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

/**
 * Opens the wall. What the page complains of (a content policy, a failed
 * request, an exception) is collected in `complaints`.
 *
 * @param {Browser} browser
 * @param {string} address
 * @param {string} [locale]
 */
export async function openWall(browser, address, locale = 'en-US') {
  // Nobody vouches for a certificate that was made here: a person goes on past the warning.
  const ignoreHTTPSErrors = address.startsWith('https:')
  const context = await browser.newContext({ viewport: { width: 1440, height: 860 }, locale, ignoreHTTPSErrors })
  const page = await context.newPage()
  /** @type {string[]} */
  const complaints = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  await page.goto(address)
  return { page, complaints }
}

/**
 * The statistics of every player of the page.
 *
 * @param {Page} page
 */
export async function statsOf(page) {
  return page.evaluate(async () => (await window.__vms?.stats()) ?? [])
}

/** @typedef {Awaited<ReturnType<typeof statsOf>>} Stats */

/**
 * Waits until the statistics are as wanted, and returns them.
 *
 * @param {Page} page
 * @param {(stats: Stats) => boolean} wanted
 * @param {number} [timeout]
 */
export async function statsWhere(page, wanted, timeout = 30_000) {
  const until = Date.now() + timeout
  for (;;) {
    const stats = await statsOf(page)
    if (wanted(stats)) return stats
    if (Date.now() > until) throw new Error(`after ${timeout} ms the page is at ${JSON.stringify(stats)}`)
    await page.waitForTimeout(50)
  }
}

/** @param {Stats[number]} tile */
export const isPlaying = (tile) => tile.phase === 'playing' && (tile.framesDecoded ?? 0) > 0

/**
 * Waits until so many tiles have decoded pictures, and returns their statistics.
 *
 * @param {Page} page
 * @param {number} count
 * @param {number} [timeout]
 */
export function pictures(page, count, timeout) {
  return statsWhere(page, (stats) => stats.filter(isPlaying).length >= count, timeout)
}

/**
 * Waits until every tile has decoded more frames than now, whichever of its camera's streams it shows by then.
 *
 * @param {Page} page
 */
export async function assertMoving(page) {
  const before = new Map((await statsOf(page)).map((tile) => [tile.camera, tile.framesDecoded ?? 0]))
  const goesOn = (/** @type {Stats[number]} */ tile) => (tile.framesDecoded ?? 0) > (before.get(tile.camera) ?? 0)
  const isMoving = (/** @type {Stats} */ stats) => [...before.keys()].every((camera) => stats.some((tile) => tile.camera === camera && goesOn(tile)))
  await statsWhere(page, isMoving, 20_000)
}

/**
 * Keeps a picture of the page for a person to look at.
 *
 * @param {Page} page
 * @param {string} name
 */
export async function screenshot(page, name) {
  await mkdir(ARTIFACTS, { recursive: true })
  await page.screenshot({ path: `${ARTIFACTS}/${name}.png` })
}
