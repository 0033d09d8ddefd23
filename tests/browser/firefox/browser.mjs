// A Firefox with one page, driven by Marionette: JSON on a TCP connection, each
// message with its length in front, `[0, id, command, parameters]` and `[1, id, error, result]`.
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const START_LIMIT_MS = 60_000

// It asks nothing of the network but what the page asks.
const SETTINGS = {
  'app.normandy.enabled': false,
  'app.update.enabled': false,
  'browser.newtabpage.enabled': false,
  'browser.safebrowsing.downloads.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.homepage_override.mstone': 'ignore',
  'datareporting.policy.dataSubmissionEnabled': false,
  'extensions.getAddons.cache.enabled': false,
  'extensions.systemAddon.update.enabled': false,
  'extensions.update.enabled': false,
  'intl.accept_languages': 'en-US',
  'marionette.port': 0,
  'media.gmp-manager.updateEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': 'data:,',
  'toolkit.telemetry.enabled': false,
  'toolkit.telemetry.server': 'data:,',
}

/**
 * @typedef {object} Firefox
 * @property {(url: string) => Promise<unknown>} open
 * @property {<T>(script: string) => Promise<T>} run the body of an async function
 * @property {(file: string) => Promise<void>} screenshot
 * @property {() => Promise<void>} close
 */

/** @returns {Promise<Firefox>} */
export async function startFirefox() {
  const profile = await mkdtemp(join(tmpdir(), 'vms-firefox-'))
  const lines = Object.entries(SETTINGS).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`)
  await writeFile(join(profile, 'user.js'), lines.join('\n'))
  const program = process.env.FIREFOX ?? '/usr/bin/firefox-esr'
  const args = ['--headless', '--no-remote', '--marionette', '--profile', profile, '--width', '1440', '--height', '900']
  // Its settings and caches go where they are thrown away.
  const child = spawn(program, args, { env: { ...process.env, HOME: profile, MOZ_HEADLESS: '1' }, stdio: 'ignore' })
  const end = new Promise((resolve) => {
    child.once('exit', resolve)
    child.once('error', resolve)
  })
  const stop = async () => {
    child.kill('SIGKILL')
    await end
    await rm(profile, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    const ask = await marionette(join(profile, 'MarionetteActivePort'))
    await ask('WebDriver:NewSession', { capabilities: { alwaysMatch: { timeouts: { script: 60_000 } } } })
    return {
      open: (url) => ask('WebDriver:Navigate', { url }),
      run: async (script) => {
        const wrapped = `const done = arguments[arguments.length - 1]; (async () => {${script}})().then((value) => done({ value }), (error) => done({ error: String(error) }))`
        const { value } = await ask('WebDriver:ExecuteAsyncScript', { script: wrapped, args: [], sandbox: null })
        if (value.error !== undefined) throw new Error(value.error)
        return value.value
      },
      screenshot: async (file) => {
        const { value } = await ask('WebDriver:TakeScreenshot', { full: false })
        await writeFile(file, Buffer.from(value, 'base64'))
      },
      close: stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/**
 * Connects, as soon as the browser has written where it listens.
 *
 * @param {string} portFile
 */
async function marionette(portFile) {
  const until = Date.now() + START_LIMIT_MS
  let port = 0
  while (port === 0) {
    port = Number(await readFile(portFile, 'utf8').catch(() => 0))
    if (Date.now() > until) throw new Error('Firefox did not start')
    if (port === 0) await delay(50)
  }
  const socket = connect(port, '127.0.0.1')
  /** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void}>} */
  const waiting = new Map()
  let received = Buffer.alloc(0)
  let next = 1
  const lost = () => {
    for (const { reject } of waiting.values()) reject(new Error('Firefox is gone'))
    waiting.clear()
  }
  socket.on('error', lost)
  socket.on('close', lost)
  socket.on('data', (data) => {
    received = Buffer.concat([received, data])
    for (;;) {
      const colon = received.indexOf(':')
      const length = Number(received.subarray(0, Math.max(0, colon)).toString())
      if (colon < 0 || received.length < colon + 1 + length) return
      const message = JSON.parse(received.subarray(colon + 1, colon + 1 + length).toString())
      received = received.subarray(colon + 1 + length)
      // The first one is a greeting.
      if (!Array.isArray(message)) continue
      const [, id, error, result] = message
      if (error === null) waiting.get(id)?.resolve(result)
      else waiting.get(id)?.reject(new Error(`${error.error}: ${error.message}`))
      waiting.delete(id)
    }
  })
  return (/** @type {string} */ command, /** @type {object} */ parameters) =>
    /** @type {Promise<any>} */ (
      new Promise((resolve, reject) => {
        const text = JSON.stringify([0, next, command, parameters])
        waiting.set(next, { resolve, reject })
        next += 1
        socket.write(`${Buffer.byteLength(text)}:${text}`)
      })
    )
}
