// latency.mjs WAY ORIGIN URL CAMERA JOINS SECONDS: how old pictures are in Chromium, by the camera's clock,
// and how soon the first one is there. Joins one after the other, each in a page of its own at
// ORIGIN. Prints a line of JSON with one entry a join; milliseconds.
import { fileURLToPath } from 'node:url'
import { startBrowser } from '../tests/browser/page.mjs'

/** Longer than any group: a viewer may have to wait for the next key frame. */
const WAIT_MS = 15_000
const PAGE = fileURLToPath(new URL('latency_page.js', import.meta.url))

const [way = 'webrtc', origin = '', url = '', camera = 'cam1', joins = '4', seconds = '5'] = process.argv.slice(2)
const browser = await startBrowser()
const found = []
for (let join = 0; join < Number(joins); join += 1) {
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.addInitScript({ path: PAGE })
  await page.goto(`${origin}/health/live`)
  // Joins fall anywhere in a group of pictures, the same places each run.
  await page.waitForTimeout(370 * join)
  const options = { url, camera, seconds: Number(seconds), wait: WAIT_MS }
  found.push(await page.evaluate(([name, wanted]) => window.watchBy[name](wanted), /** @type {const} */ ([way, options])))
  await context.close()
}
await browser.close()
console.log(JSON.stringify(found))
