// measure_wall.mjs ADDRESS [TILES] [OPENINGS]: how long after opening the page the
// pictures of a wall are there. Prints one line of JSON; times in milliseconds
// since the navigation began.
import { openWall, pictures, startBrowser } from './page.mjs'

const [address = 'http://127.0.0.1:8000', tiles = '16', openings = '10'] = process.argv.slice(2)
const browser = await startBrowser()
const all = []
const joined = []
for (let opening = 0; opening < Number(openings); opening += 1) {
  const { page } = await openWall(browser, address)
  const stats = await pictures(page, Number(tiles))
  all.push(Math.max(...stats.map((tile) => tile.firstFrame ?? Infinity)))
  joined.push(Math.max(...stats.map((tile) => tile.joined ?? Infinity)))
  await page.context().close()
}
await browser.close()
const rounded = (/** @type {number[]} */ values) => values.map(Math.round).sort((a, b) => a - b)
console.log(JSON.stringify({ tiles: Number(tiles), all_pictures_ms: rounded(all), all_asked_ms: rounded(joined) }))
