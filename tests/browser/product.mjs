// Starts the product for a test: free ports, a temporary data folder, and an
// end that is waited for.
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as delay } from 'node:timers/promises'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const VMS = process.env.PRODUCT ?? join(ROOT, '.venv/bin/vms')
const PORTS = ['API__PORT', 'RTSP__PORT', 'RTMP__PORT', 'SRT__PORT', 'WEBRTC__PORT', 'WEBRTC__UDP_PORT', 'HLS__PORT']
const FREE_PORTS = Object.fromEntries(PORTS.map((name) => [`VMS_${name}`, '0']))
/** The first start on a machine also makes the simulated scenes. */
const START_LIMIT_MS = 120_000
/** SIGTERM stops everything within 5 s; a machine that is busy with tests gets more. */
const STOP_LIMIT_MS = 15_000

/**
 * @typedef {object} Product
 * @property {string} address of the front
 * @property {() => Promise<{pids: {media: number, api: number[]}}>} run what run.json says now
 * @property {string} data the folder of its data
 * @property {() => string} output the last of what it has printed
 * @property {() => Promise<void>} stop
 */

/**
 * The product with so many simulated cameras.
 *
 * @param {number} cameras
 * @param {Record<string, string>} [settings] as variables of the environment
 * @param {string[]} more flags
 */
export function startDemo(cameras, settings = {}, ...more) {
  return start(['demo', '--open', '--cameras', String(cameras), ...more], settings)
}

/**
 * The same with people who sign in: `output()` tells who.
 *
 * @param {number} cameras
 * @param {Record<string, string>} [settings] as variables of the environment
 */
export function startClosedDemo(cameras, settings = {}) {
  return start(['demo', '--cameras', String(cameras)], settings)
}

/**
 * The product with these cameras, each `ID=URL[,SUB_URL]`.
 *
 * @param {string[]} cameras
 */
export function startUp(...cameras) {
  return start(['up', '--open', ...cameras.flatMap((camera) => ['--camera', camera])])
}

/**
 * The same with cameras that play files of a folder, by their ids.
 *
 * @param {string} folder
 * @param {Record<string, string>} files
 * @param {object} [how] each camera is, beside that
 * @param {Record<string, string>} [settings] as variables of the environment
 */
export function startFiles(folder, files, how = {}, settings = {}) {
  const cameras = Object.entries(files).map(([id, name]) => ({ id, url: `file:${name}`, ...how }))
  return start(['up', '--open'], { VMS_SOURCE__MEDIA_DIR: folder, VMS_CAMERAS: JSON.stringify(cameras), ...settings })
}

/**
 * The product as it is first started: it asks for a name, and a setup link leads to the first admin.
 * The cameras, each `ID=URL[,SUB_URL]`, are taken into the city `local`.
 *
 * @param {string[]} cameras
 */
export function startClosed(...cameras) {
  return start(['up', ...cameras.flatMap((camera) => ['--camera', camera])])
}

/**
 * Runs `vms` until it is stopped.
 *
 * @param {string[]} args
 * @param {Record<string, string>} [settings]
 * @returns {Promise<Product>}
 */
async function start(args, settings = {}) {
  const data = await mkdtemp(join(tmpdir(), 'vms-browser-'))
  const child = spawn(VMS, [...args, '--data', data], { cwd: ROOT, env: { ...process.env, ...FREE_PORTS, ...settings }, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const keep = (/** @type {Buffer} */ text) => {
    output = (output + text.toString()).slice(-20_000)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  let ended = false
  const end = new Promise((resolve) => {
    child.once('exit', () => {
      ended = true
      resolve(undefined)
    })
  })

  const file = join(data, 'run.json')
  const run = async () => JSON.parse(await readFile(file, 'utf8'))
  const until = Date.now() + START_LIMIT_MS
  /** @type {{addresses: {api: string}} | undefined} */
  let ready
  while (ready === undefined) {
    ready = await run().catch(() => undefined)
    if (ended || Date.now() > until) {
      child.kill('SIGKILL')
      throw new Error(`the product did not start:\n${output}`)
    }
    await delay(50)
  }

  return {
    address: ready.addresses.api,
    data,
    run,
    output: () => output,
    async stop() {
      child.kill('SIGTERM')
      const late = await Promise.race([end, delay(STOP_LIMIT_MS, 'late', { ref: false })])
      if (late === 'late') {
        child.kill('SIGKILL')
        throw new Error(`the product did not stop:\n${output}`)
      }
      await rm(data, { recursive: true, force: true })
    },
  }
}
