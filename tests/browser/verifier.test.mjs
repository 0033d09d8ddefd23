// The page that verifies recordings, opened from a disk, as a court does it.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { openWall, screenshot, startBrowser } from './page.mjs'

const PAGE = pathToFileURL(fileURLToPath(new URL('../../src/vms/web/verify.html', import.meta.url))).href
const VECTORS = fileURLToPath(new URL('../vectors/recording', import.meta.url))
// Of the key that the vectors' seed of 01 bytes makes.
const FINGERPRINT = '34750f98bd59fcfc946da45aaabe933be154a4b5094e1c4abf42866505f3c97e'

const video = join(VECTORS, 'plain/root/cameras/gate/2026-11-27/video_10.mp4')
const others = ['2026-11-27/index_10.vms-idx', '2026-11-27/video_10.sha256', 'ledger.vms-idx'].map((name) =>
  join(VECTORS, 'plain/root/cameras/gate', name),
)
const plain = [video, ...others]
const clip = join(VECTORS, 'after/mp4-export/root/export/clip.mp4')

/** @type {import('./page.mjs').Browser} */
let browser
/** @type {string} */
let folder

before(async () => {
  ;[browser, folder] = await Promise.all([startBrowser(), mkdtemp(join(tmpdir(), 'vms-verifier-'))])
})

after(async () => {
  await browser?.close()
  await rm(folder, { recursive: true, force: true })
})

/** Gives the page files and returns its verdict and its list. */
async function verify(
  /** @type {string[]} */ files,
  { pin = '', locale = 'en-US', name = '' } = {},
) {
  const { page, complaints } = await openWall(browser, PAGE, locale)
  /** @type {string[]} */
  const asked = []
  page.on('request', (request) => asked.push(request.url()))
  await page.fill('#pin', pin)
  await page.setInputFiles('#files', files)
  await page.waitForFunction(() => document.querySelector('#findings tbody tr') ?? document.querySelector('#verdict.bad'))
  const verdict = await page.textContent('#verdict')
  const rows = await page.$$eval('#findings tbody tr', (lines) =>
    lines.map((line) => [...line.children].map((cell) => cell.textContent)),
  )
  if (name) await screenshot(page, name)
  await page.context().close()
  assert.deepEqual(complaints, [])
  assert.deepEqual(asked.filter((address) => !address.startsWith('blob:')), [], 'nothing leaves the computer')
  return { verdict, rows }
}

describe('the page that verifies', () => {
  it('finds a recording intact, and says when nobody knows the signer', async () => {
    assert.equal((await verify(plain, { pin: FINGERPRINT, name: 'verifier' })).verdict, 'Intact')
    assert.equal((await verify(plain)).verdict, 'Intact, signer unknown')
    assert.equal((await verify(plain, { locale: 'pt-BR' })).verdict, 'Íntegra, signatário desconhecido')
  })

  it('finds an export intact with nothing but itself', async () => {
    const { verdict, rows } = await verify([clip], { pin: FINGERPRINT })
    assert.equal(verdict, 'Intact')
    assert.deepEqual(rows.map((row) => row[3]), ['3 – 5'])
  })

  it('names the fragment that was changed', async () => {
    const changed = join(folder, 'video_10.mp4')
    const bytes = await readFile(video)
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1)
    await writeFile(changed, bytes)
    const { verdict, rows } = await verify([changed, ...others], { pin: FINGERPRINT })
    assert.equal(verdict, 'Not intact')
    assert.deepEqual(rows.at(-1)?.slice(0, 4), ['changed', 'pictures or sound were changed', 'gate/2026-11-27/video_10.mp4', '5'])
  })

  it('trusts no other key', async () => {
    const { verdict } = await verify([clip], { pin: '00'.repeat(32) })
    assert.equal(verdict, 'Not intact')
  })

  it('says what it cannot verify', async () => {
    assert.equal((await verify([video])).verdict, 'Cannot be verified')
  })

  it('has the same words in three languages', async () => {
    const texts = JSON.parse(await readFile(new URL('../../clients/verifier/texts.json', import.meta.url), 'utf8'))
    const keys = (/** @type {string} */ language) => Object.keys(texts[language]).sort()
    assert.deepEqual(Object.keys(texts), ['en', 'pt', 'es'])
    assert.deepEqual(keys('pt'), keys('en'))
    assert.deepEqual(keys('es'), keys('en'))
    const report = await readFile(new URL('../../engine/crates/format/src/verify/report.rs', import.meta.url), 'utf8')
    const codes = [...report.matchAll(/^ {4}([A-Z]\w+),$/gm)].map(([, word = '']) => word.replace(/(?<!^)([A-Z])/g, '_$1').toLowerCase())
    assert.ok(codes.length > 30)
    for (const code of codes.filter((code) => !['none', 'pinned', 'unknown'].includes(code))) {
      assert.ok(`why_${code}` in texts.en || `state_${code}` in texts.en, code)
    }
  })
})
