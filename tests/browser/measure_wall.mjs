// measure_wall.mjs ADDRESS [TILES] [OPENINGS] [WAY] [ENGINE_PID]: how long after opening the page the pictures of a
// wall are there. With the engine's process also what page and engine take of the processor while all pictures play.
// Prints one line of JSON: times in milliseconds since the navigation began, the processor in cores.
import { readdir, readFile } from 'node:fs/promises'
import { openWall, pictures, startBrowser, statsOf } from './page.mjs'

const [address = 'http://127.0.0.1:8000', tiles = '16', openings = '10', way = '', engine = ''] = process.argv.slice(2)
/** Until the beginning is over, and then for so long the processor is looked at. */
const SETTLED_MS = 3000
const WATCHED_MS = 10_000
const PICTURES_LIMIT_MS = 90_000
/** Of a core, in `/proc/PID/stat`, on every Linux of ours (`getconf CLK_TCK`). */
const TICKS_PER_SECOND = 100

/** @typedef {import('./page.mjs').Page} Page */

/** Its parent, and the ticks of a core that it has had; nothing where it has ended. */
async function processOf(/** @type {string | number} */ pid) {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  // The name, in brackets, may hold anything.
  const [, parent, ...rest] = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? []
  return parent === undefined ? undefined : { parent: Number(parent), ticks: Number(rest[9]) + Number(rest[10]) }
}

/** The ticks of all that this process has started: the browser. */
async function ticksOfBrowser() {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const all = new Map(await Promise.all(pids.map(async (pid) => /** @type {const} */ ([Number(pid), await processOf(pid)]))))
  const isOurs = (/** @type {number} */ pid) => {
    for (let at = all.get(pid)?.parent; at !== undefined && at !== 0; at = all.get(at)?.parent) {
      if (at === process.pid) return true
    }
    return false
  }
  return [...all].reduce((sum, [pid, found]) => sum + (isOurs(pid) ? (found?.ticks ?? 0) : 0), 0)
}

async function reading(/** @type {Page} */ page) {
  const decoded = (await statsOf(page)).reduce((sum, tile) => sum + (tile.framesDecoded ?? 0), 0)
  return { at: performance.now(), page: await ticksOfBrowser(), engine: (await processOf(engine))?.ticks ?? NaN, decoded }
}

/** What page and engine take of the processor, and how many pictures a second are seen for it. */
async function load(/** @type {Page} */ page) {
  await page.waitForTimeout(SETTLED_MS)
  const before = await reading(page)
  await page.waitForTimeout(WATCHED_MS)
  const after = await reading(page)
  const seconds = (after.at - before.at) / 1000
  const cores = (/** @type {number} */ ticks) => Number((ticks / TICKS_PER_SECOND / seconds).toFixed(3))
  return {
    page_cores: cores(after.page - before.page),
    engine_cores: cores(after.engine - before.engine),
    pictures_per_second: Math.round((after.decoded - before.decoded) / seconds),
  }
}

const url = new URL(address)
if (way !== '') url.searchParams.set('way', way)
const browser = await startBrowser()
const first = []
const all = []
const joined = []
const loads = []
for (let opening = 0; opening < Number(openings); opening += 1) {
  const { page } = await openWall(browser, url.href)
  const stats = await pictures(page, Number(tiles), PICTURES_LIMIT_MS)
  const shown = stats.map((tile) => tile.firstFrame ?? Infinity)
  first.push(Math.min(...shown))
  all.push(Math.max(...shown))
  joined.push(Math.max(...stats.map((tile) => tile.joined ?? Infinity)))
  if (engine !== '') loads.push(await load(page))
  await page.context().close()
}
await browser.close()
const rounded = (/** @type {number[]} */ values) => values.map(Math.round).sort((a, b) => a - b)
console.log(
  JSON.stringify({
    tiles: Number(tiles),
    way,
    first_picture_ms: rounded(first),
    all_pictures_ms: rounded(all),
    all_asked_ms: rounded(joined),
    loads,
  }),
)
