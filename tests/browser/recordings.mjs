// A server of made-up recordings, for the playback screen alone: the built page,
// the answers of the API that it asks for, and the playback routes of
// docs/design/recording.md over video that ffmpeg makes once.
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const PAGE = process.env.PAGE ?? fileURLToPath(new URL('../../src/vms/web', import.meta.url))
const MEDIA = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' }
const SECOND = 1_000_000
/** Length of the made video; the recordings repeat it. */
const LOOP_S = 20
/** Of a group of pictures. */
const GROUP = 2 * SECOND
const TIMESCALE = 90_000
/** Of the key that seals them. */
const FINGERPRINT = '3f2a9c8e57d14b60'.repeat(4)
const PEM = '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n'

/** @typedef {{from: number, to: number, reason?: string}} Span recorded, and why nothing comes after it */

/** The boxes of a file: type, from, to. @param {Buffer} bytes @param {number} [from] @param {number} [to] */
function* boxes(bytes, from = 0, to = bytes.length) {
  for (let at = from; at + 8 <= to; ) {
    const size = bytes.readUInt32BE(at)
    yield { type: bytes.toString('latin1', at + 4, at + 8), from: at, to: at + size }
    at += size
  }
}

/** A video whose pictures differ, cut into its init segment and its groups. @param {string} size */
async function makeVideo(size) {
  const { stdout } = await run(
    'ffmpeg',
    // prettier-ignore
    ['-v', 'error', '-f', 'lavfi', '-i', `testsrc2=s=${size}:r=25`, '-f', 'lavfi', '-i', 'sine=r=48000', '-t', String(LOOP_S), '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '50', '-keyint_min', '50', '-sc_threshold', '0', '-bf', '0', '-pix_fmt', 'yuv420p', '-video_track_timescale', String(TIMESCALE), '-c:a', 'flac', '-strict', '-2', '-movflags', 'empty_moov+default_base_moof+frag_keyframe', '-f', 'mp4', '-'],
    { encoding: 'buffer', maxBuffer: 1 << 28 },
  )
  const all = [...boxes(stdout)]
  const moov = all.find((box) => box.type === 'moov')
  if (moov === undefined) throw new Error('ffmpeg made no init segment')
  const groups = all.filter((box) => box.type === 'moof').map((box) => {
    const data = all[all.indexOf(box) + 1]
    return stdout.subarray(box.from, data?.to)
  })
  return { init: stdout.subarray(0, moov.to), groups }
}

/** Where in a fragment its decode times stand, with the track of each. @param {Buffer} group */
function* times(group) {
  for (const moof of boxes(group)) {
    if (moof.type !== 'moof') continue
    for (const traf of boxes(group, moof.from + 8, moof.to)) {
      if (traf.type !== 'traf') continue
      const inner = [...boxes(group, traf.from + 8, traf.to)]
      const header = inner.find((box) => box.type === 'tfhd')
      const time = inner.find((box) => box.type === 'tfdt')
      const run = inner.find((box) => box.type === 'trun')
      if (header && time && run) yield { track: group.readUInt32BE(header.from + 12), time: time.from + 12, traf, run }
    }
  }
}

/** The group as recorded at this moment: decode times count from 1970. @param {Buffer} group @param {number} at @param {boolean} key */
function placed(group, at, key) {
  const copy = Buffer.from(group)
  let end = copy.length
  for (const { track, time, traf, run } of times(copy)) {
    const scale = track === 1 ? TIMESCALE : 48_000
    copy.writeBigUInt64BE(BigInt(Math.round((at / SECOND) * scale)), time)
    if (!key) continue
    if (track !== 1) copy.write('free', traf.from + 4, 'latin1')
    else end = onlyFirst(copy, run.from)
  }
  if (!key) return copy
  const data = [...boxes(copy)].find((box) => box.type === 'mdat')
  copy.writeUInt32BE(end - (data?.from ?? 0), data?.from)
  return copy.subarray(0, end)
}

/** Leaves one sample in a run, and says where it ends. The rest of the box is padding. @param {Buffer} bytes @param {number} run */
function onlyFirst(bytes, run) {
  const flags = bytes.readUInt32BE(run + 8) & 0xffffff
  bytes.writeUInt32BE(1, run + 12)
  const sample = run + 20 + (flags & 4 ? 4 : 0) + (flags & 0x100 ? 4 : 0)
  return bytes.readInt32BE(run + 16) + bytes.readUInt32BE(sample)
}

/**
 * @param {Record<string, Span[]>} cameras
 * @param {{zone?: string, allowed?: string[]}} [options]
 */
export async function startRecordings(cameras, { zone = 'America/Sao_Paulo', allowed = ['live.view', 'playback.view', 'clip.export', 'camera.read', 'camera.manage', 'recording.hold', 'system.read'] } = {}) {
  const [main, sub] = await Promise.all([makeVideo('1280x720'), makeVideo('320x180')])
  const still = (await run('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=s=192x108', '-frames:v', '1', '-f', 'mjpeg', '-'], { encoding: 'buffer' })).stdout
  /** @type {string[]} */
  const asked = []
  /** @type {unknown[]} */
  const sent = []
  let delay = 0
  const user = { id: 'u1', home: 'sp', login: 'ana', name: 'Ana', email: '', language: '', enabled: true, second_factor: true, created_us: 1, signed_in_us: null, version: 1 }
  const exports = [
    { id: 'e1', kind: 'export', city: 'sp', name: '', why: 'Police report 12/2026', parts: [], timelapse: null, container: 'mp4', audio: true, case: null, reason: null, by: 'user:u1', locked: true, state: 'processing', done_bytes: 420e6, total_bytes: 1e9, error: null, gaps: [{}], file: null, bytes: null, sha256: null, created_us: Date.now() * 1000, expires_us: null, version: 1 },
    { id: 'e2', kind: 'clip', city: 'sp', name: 'Gate, night', why: '', parts: [], timelapse: null, container: 'mkv', audio: true, case: null, reason: 'evidence', by: 'user:u1', locked: false, state: 'completed', done_bytes: 1, total_bytes: 1, error: null, gaps: [], file: 'gate.mp4', bytes: 81e6, sha256: 'x', created_us: Date.now() * 1000, expires_us: (Date.now() + 864e5) * 1000, version: 1 },
  ]

  /** @param {string} camera @param {URLSearchParams} query */
  function timeline(camera, query) {
    const from_us = Number(query.get('from_us'))
    const to_us = Number(query.get('to_us'))
    const spans = (cameras[camera] ?? []).filter((span) => span.to > from_us && span.from < to_us)
    const list = cameras[camera] ?? []
    const gaps = list.flatMap((span, index) => {
      const next = list[index + 1]
      return next === undefined ? [] : [{ from_us: span.to, to_us: next.from, reason: { code: span.reason ?? 'network', values: {} } }]
    })
    const days = new Set(list.flatMap((span) => [span.from, span.to].map((us) => new Intl.DateTimeFormat('en-CA', { timeZone: zone }).format(us / 1000))))
    const first = list[0]
    return {
      camera, stream: 'main', from_us, to_us, gaps, days: [...days], time_zone: zone,
      spans: spans.map((span, index) => ({ from_us: span.from, to_us: span.to, keys: Math.round((span.to - span.from) / GROUP), bytes: 1e6, error_us: 1000, camera_offset_ms: 0, rebuilt: false, held: index === 1 })),
      marks: first === undefined ? [] : [{ at_us: first.from + 60 * SECOND, to_us: null, kind: 'bookmark', id: 'b1', text: 'White van' }, { at_us: first.from + 600 * SECOND, to_us: first.from + 700 * SECOND, kind: 'trigger', id: '', text: '' }],
    }
  }

  /** @param {string} path @param {URLSearchParams} query @param {string} method */
  function api(path, query, method) {
    const part = path.split('/')
    if (path === '/version') return { name: 'vms', version: '0', open: false }
    if (path === '/auth/me') return { kind: 'user', id: 'u1', home: 'sp', user, must_enrol: false, allowed: [{ scope: 'city:sp', functions: allowed }] }
    if (path === '/cameras') return { items: Object.keys(cameras).map((id) => ({ id, city: 'sp', name: `Camera ${id}`, maker: 'generic', enabled: true, site: null, groups: [], tags: [], masked: false, version: 1, status: { state: 'online', reason: null, since_us: null } })), next: null }
    if (path === '/timelines') return { items: (query.get('cameras') ?? '').split(',').map((camera) => timeline(camera, query)) }
    if (part[3] === 'playback') return { address: 'v1.test', expires_us: (Date.now() + 300_000) * 1000 }
    if (part[1] === 'cameras' && part[3] === 'recording') return { camera: part[2], rule: RULE, manual: null, now: { main: 'continuous', sub: 'continuous' }, next_change_us: null, keep: { min_days: 7, max_days: 30, max_bytes: null, thin: [] }, time_zone: zone, version: 1 }
    if (path === '/exports' && method === 'POST') return exports[0]
    if (path === '/exports') return { items: exports, next: null }
    if (path === '/cases') return { items: [{ id: 'c1', title: 'Theft at the market', number: '12/2026', state: 'open' }], next: null }
    if (path === '/recording/volumes') return { items: [{ name: 'disk1', path: '/srv/recordings', state: 'ok', reason: null, bytes: 3.2e12, free: 0.9e12, commit_ms: 7, queue_bytes: 0, rate: 5e6 }, { name: 'disk2', path: '/mnt/second', state: 'failed', reason: 'disk_failed', bytes: 1e12, free: 0, commit_ms: 0, queue_bytes: 0, rate: 0 }] }
    if (path === '/recording/forecast') return { volumes: [{ volume: 'disk1', bytes: 1, free: 1, rate: 5e6, days: 23.41 }, { volume: 'disk2', bytes: 1, free: 1, rate: 0, days: null }], cameras: Object.keys(cameras).map((camera) => ({ camera, bytes: 2.1e11, oldest_us: 1_790_000_000_000_000, rate: 5e5, days: 23.4 })) }
    if (path === '/evidence/keys') return { items: [{ key: FINGERPRINT, public: 'cHVibGlj', fingerprint: FINGERPRINT, pem: PEM, since_us: 1_790_000_000_000_000, signed_by: '' }] }
    return method === 'POST' ? { id: 'x' } : undefined
  }

  /** @param {string} path @param {URLSearchParams} query */
  function playback(path, query) {
    const [, , camera = '', ...rest] = path.split('/')
    const video = rest[0] === 'sub' ? sub : main
    const file = rest.at(-1) ?? ''
    if (file === 'init.mp4') return { body: video.init, headers: {} }
    const at = Number(file.replace('.m4s', ''))
    const list = cameras[camera] ?? []
    const all = list.flatMap((span) => Array.from({ length: Math.floor((span.to - span.from) / GROUP) }, (_, index) => ({ from: span.from + index * GROUP, span })))
    const first = all.findIndex((group) => group.from + GROUP > at)
    const begin = all[first]
    if (begin === undefined) return undefined
    const keys = Number(query.get('keys') ?? 0)
    let last = first
    while (last - first + 1 < keys && all[last + 1]?.from === (all[last]?.from ?? 0) + GROUP) last += 1
    const bodies = all.slice(first, last + 1).map(({ from }) => placed(video.groups[Math.floor(from / GROUP) % video.groups.length] ?? Buffer.alloc(0), from, keys > 0))
    const end = (all[last]?.from ?? 0) + GROUP
    const next = all[last + 1]?.from
    const previous = all[first - 1]?.from
    const headers = {
      'Vms-From': String(begin.from), 'Vms-To': String(end), 'Vms-Init': rest[0] === 'sub' ? 'sub' : 'main',
      ...(next === undefined ? {} : { 'Vms-Next': String(next) }),
      ...(previous === undefined ? {} : { 'Vms-Previous': String(previous) }),
      ...(next !== undefined && next > end ? { 'Vms-Gap': all[last]?.span.reason ?? 'network' } : {}),
    }
    return { body: Buffer.concat(bodies), headers }
  }

  const server = createServer((request, response) => {
    void answer(request, response)
  })

  /** @param {import('node:http').IncomingMessage} request @param {import('node:http').ServerResponse} response */
  async function answer(request, response) {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://x')
    asked.push(`${request.method} ${request.url}`)
    response.setHeader('Content-Security-Policy', "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'self'")
    if (pathname.startsWith('/playback/')) {
      if (request.headers.authorization !== 'Bearer v1.test') return void response.writeHead(401).end('{"code": "address_missing"}')
      const found = playback(pathname, searchParams)
      if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay))
      return found === undefined
        ? void response.writeHead(404, { 'Content-Type': 'application/json' }).end('{"code": "no_recording"}')
        : void response.writeHead(200, { 'Content-Type': 'video/mp4', ...found.headers }).end(found.body)
    }
    if (pathname.startsWith('/api/v1')) {
      const path = pathname.slice(7)
      if (path.endsWith('/picture')) return void response.writeHead(200, { 'Content-Type': 'image/jpeg' }).end(still)
      let text = ''
      for await (const chunk of request) text += String(chunk)
      if (text !== '') sent.push({ path, body: JSON.parse(text) })
      const found = api(path, searchParams, request.method ?? 'GET')
      return void response.writeHead(found === undefined ? 404 : 200, { 'Content-Type': 'application/json' }).end(JSON.stringify(found ?? { code: 'not_found' }))
    }
    const file = await readFile(join(PAGE, pathname)).catch(() => undefined)
    const name = file === undefined ? 'index.html' : pathname
    response.writeHead(200, { 'Content-Type': MEDIA[/** @type {'.html'} */ (extname(name))] ?? 'application/octet-stream' })
    response.end(file ?? (await readFile(join(PAGE, 'index.html'))))
  }

  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => { resolve(undefined) }))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    address: `http://127.0.0.1:${address.port}`,
    asked,
    sent,
    /** Each answer of video takes so long. */
    slow(/** @type {number} */ ms) {
      delay = ms
    },
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const STREAM = { mode: 'continuous', schedule: [], audio: true, pre_s: 5, post_s: 10 }
const RULE = {
  main: { ...STREAM, schedule: [{ days: [1, 2, 3, 4, 5], from: '08:00', to: '18:00', mode: 'event' }] },
  sub: STREAM,
  keep: { min_days: null, max_days: 30, max_bytes: null, thin: [{ after_days: 7, to: 'keys' }] },
}
