// Pictures through a TURN server, as a browser needs one whose network lets no UDP through to us:
// the product hands out passwords for Debian's coturn, which knows nothing but the same secret.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { writeFile, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { assertMoving, pictures, startBrowser } from './page.mjs'
import { startClosedDemo } from './product.mjs'

const SECRET = 'north by northwest'
const START_LIMIT_MS = 20_000

/** @type {import('./product.mjs').Product} */
let product
/** @type {import('./page.mjs').Browser} */
let browser
/** @type {{port: number, stop: () => Promise<void>}} */
let turn

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

/** A TURN server on loopback, which relays to loopback. */
async function startTurn() {
  const folder = await mkdtemp(join(tmpdir(), 'vms-turn-'))
  const port = await freePort()
  const args = ['-n', '--listening-ip=127.0.0.1', '--relay-ip=127.0.0.1', `--listening-port=${port}`, '--realm=vms']
  args.push('--use-auth-secret', `--static-auth-secret=${SECRET}`, '--allow-loopback-peers', '--no-tls', '--no-dtls', '--no-cli')
  args.push('--no-rfc5780', '--verbose', '--log-file=stdout', '--simple-log', `--pidfile=${folder}/pid`, `--userdb=${folder}/db`)
  const child = spawn('turnserver', args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  const end = new Promise((resolve) => child.once('exit', resolve).once('error', resolve))
  let output = ''
  const started = new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`turnserver did not start:\n${output}`)), START_LIMIT_MS)
    child.once('error', reject)
    const heard = (/** @type {Buffer} */ text) => {
      output += text.toString()
      if (!output.includes(`listener opened on : 127.0.0.1:${port}`)) return
      clearTimeout(late)
      resolve(undefined)
    }
    child.stdout.on('data', heard)
    child.stderr.on('data', heard)
    child.once('exit', () => reject(new Error(`turnserver ended:\n${output}`)))
  })
  async function stop() {
    child.kill('SIGTERM')
    await end
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await started
  } catch (error) {
    await stop()
    throw error
  }
  return { port, stop }
}

/** @type {string} */
let folder

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vms-secret-'))
  const file = join(folder, 'turn-secret')
  await writeFile(file, `${SECRET}\n`, { mode: 0o600 })
  turn = await startTurn()
  const settings = {
    VMS_WEBRTC__ICE_SERVERS: JSON.stringify([`stun:127.0.0.1:${turn.port}`, `turn:127.0.0.1:${turn.port}?transport=udp`]),
    VMS_WEBRTC__TURN_SECRET_FILE: file,
  }
  ;[product, browser] = await Promise.all([startClosedDemo(2, settings), startBrowser()])
})

after(async () => {
  await browser?.close()
  await product?.stop()
  await turn?.stop()
  if (folder) await rm(folder, { recursive: true, force: true })
})

describe('a browser that can reach nothing but the TURN server', () => {
  it('sees moving pictures through it', async () => {
    const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-US' })).newPage()
    await page.addInitScript(() => {
      const Peer = window.RTCPeerConnection
      /** @type {RTCPeerConnection[]} */
      const peers = []
      Object.assign(window, { peers })
      window.RTCPeerConnection = class extends Peer {
        constructor(/** @type {RTCConfiguration | undefined} */ settings) {
          super({ ...settings, iceTransportPolicy: 'relay' })
          peers.push(this)
        }
        /**
         * @override
         * @param {RTCConfiguration} settings
         */
        setConfiguration(settings) {
          super.setConfiguration({ ...settings, iceTransportPolicy: 'relay' })
        }
      }
    })
    const link = /http:\/\/\S+\/enter\S*/.exec(product.output())?.[0]
    assert.ok(link, product.output())
    await page.goto(link)
    const stats = await pictures(page, 2)
    assert.deepEqual([...new Set(stats.map((tile) => tile.way))], ['webrtc'])
    await assertMoving(page)
    const kindsNow = () => page.evaluate(async () => {
      const { peers } = /** @type {{peers: RTCPeerConnection[]}} */ (/** @type {unknown} */ (window))
      const found = []
      for (const peer of peers.filter((one) => one.connectionState === 'connected')) {
        const report = await peer.getStats()
        const transport = [...report.values()].find((entry) => entry.type === 'transport')
        const pair = report.get(transport?.selectedCandidatePairId)
        found.push(report.get(pair?.localCandidateId)?.candidateType)
      }
      return found
    })
    let kinds = await kindsNow()
    for (let tries = 0; tries < 100 && kinds.length < 2; tries += 1) {
      await page.waitForTimeout(100)
      kinds = await kindsNow()
    }
    assert.deepEqual(kinds, ['relay', 'relay'])
    await page.context().close()
  })
})
