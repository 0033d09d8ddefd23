// live_feel.mjs ADDRESS CAMERA JOINS SECONDS [RELAY ...]: what a real player makes
// of joining a stream. Joins one after the other in Chromium, each in a page of
// its own. RELAY is a command (vms-load relay --loss 1) whose address stands in
// for the server's UDP address. Prints a line of JSON with one entry a join;
// times in milliseconds since the page asked.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { startBrowser } from '../tests/browser/page.mjs'

/** A frame this much later than a settled viewer's is not level with live. */
const LEVEL_WITHIN_MS = 50
/** Cached frames carry timestamps one tick apart; live ones at least this many. */
const LIVE_TICKS = 900
/** Longer than any group: a viewer may have to wait for the next key frame. */
const WAIT_MS = 15_000
/** One second after joining, a viewer's delay has to be that of any other. */
const SETTLED_MS = 1000

const [address = 'http://127.0.0.1:8000', camera = 'cam1', joins = '4', seconds = '10', ...relayCommand] = process.argv.slice(2)

/** @typedef {{at: number, ticks: number}} Shown a picture: when, and its RTP time */
/** @typedef {Record<string, number>} Sample what Chromium tells of the stream, and `at` */
/** @typedef {{answered: number, shown: Shown[], samples: Sample[]}} Watched */

/**
 * Runs in the page: joins, watches, leaves.
 *
 * @param {{whep: string, seconds: number, wait: number}} options
 * @returns {Promise<Watched>}
 */
async function watch({ whep, seconds, wait }) {
  const started = performance.now()
  const since = () => performance.now() - started
  const peer = new RTCPeerConnection()
  const video = document.createElement('video')
  video.muted = true
  document.body.append(video)
  /** @type {Shown[]} */
  const shown = []
  /** @type {VideoFrameRequestCallback} */
  const onFrame = (now, { rtpTimestamp }) => {
    shown.push({ at: now - started, ticks: rtpTimestamp ?? 0 })
    video.requestVideoFrameCallback(onFrame)
  }
  video.requestVideoFrameCallback(onFrame)
  peer.ontrack = ({ track }) => {
    video.srcObject = new MediaStream([track])
    void video.play()
  }
  const { receiver } = peer.addTransceiver('video', { direction: 'recvonly' })
  await peer.setLocalDescription()
  const answer = await fetch(whep, {
    method: 'POST',
    headers: { 'Content-Type': 'application/sdp' },
    body: peer.localDescription?.sdp ?? '',
  })
  const text = await answer.text()
  if (answer.status !== 201) throw new Error(`${answer.status}: ${text}`)
  const candidate = /^(a=candidate:\S+ \d+ udp \d+) (\S+) (\d+)/im
  const [, , host = '', port = ''] = candidate.exec(text) ?? []
  const path = await window.pathTo(`${host}:${port}`)
  const sdp = text.replace(candidate, `$1 ${path.replace(':', ' ')}`)
  await peer.setRemoteDescription({ type: 'answer', sdp })
  const answered = since()

  /** @type {Sample[]} */
  const samples = []
  // Counted from the first picture, for each join alike.
  while (since() < (shown[0] === undefined ? wait : shown[0].at + (seconds + 1) * 1000)) {
    await new Promise((resolve) => setTimeout(resolve, 250))
    for (const report of (await receiver.getStats()).values()) {
      if (report.type === 'inbound-rtp') samples.push({ ...report, at: since() })
    }
  }
  peer.close()
  await fetch(new URL(answer.headers.get('Location') ?? '', whep), { method: 'DELETE' })
  return { answered, shown, samples }
}

/** @param {number[]} values */
function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN
}

/**
 * When the newest picture of the stream was shown, no later than for a viewer
 * who has long settled: the last of the cached frames, or the first live one.
 *
 * @param {Shown[]} shown
 */
function levelAt(shown) {
  const lag = (/** @type {Shown} */ frame) => frame.at - frame.ticks / 90
  const settled = median(shown.slice(Math.floor(shown.length / 2)).map(lag))
  const level = shown.find((frame, number) => {
    const next = shown[number + 1]
    return next !== undefined && next.ticks - frame.ticks > LIVE_TICKS && lag(frame) <= settled + LEVEL_WITHIN_MS
  })
  return level?.at ?? NaN
}

/** Frames' time in the jitter buffer between two samples, each.
 *
 * @param {Sample | undefined} from
 * @param {Sample | undefined} to
 */
function bufferDelay(from, to) {
  const of = (/** @type {string} */ name) => (to?.[name] ?? 0) - (from?.[name] ?? 0)
  return (of('jitterBufferDelay') / of('jitterBufferEmittedCount')) * 1000
}

/** @param {Watched} watched */
function summary({ answered, shown, samples }) {
  const first = shown[0]?.at ?? NaN
  const from = (/** @type {number} */ ms) => samples.find((sample) => sample.at >= first + ms)
  const last = samples.at(-1)
  const total = (/** @type {string} */ name) => last?.[name] ?? 0
  const gaps = shown.slice(1).map((frame, number) => frame.at - (shown[number]?.at ?? 0))
  return {
    answered,
    first,
    level: levelAt(shown),
    buffer_first_second: bufferDelay(undefined, from(SETTLED_MS)),
    buffer_settled: bufferDelay(from(SETTLED_MS), last),
    buffer_end: bufferDelay(from(SETTLED_MS * 6), last),
    longest_gap: Math.max(...gaps),
    decoded: total('framesDecoded'),
    dropped: total('framesDropped'),
    // Those of a second after the first picture and later: not of catching up.
    dropped_settled: total('framesDropped') - (from(SETTLED_MS)?.framesDropped ?? 0),
    freezes: total('freezeCount'),
    frozen_ms: total('totalFreezesDuration') * 1000,
    nacks: total('nackCount'),
    plis: total('pliCount'),
    keys: total('keyFramesDecoded'),
    lost: total('packetsLost'),
    resent: total('retransmittedPacketsReceived'),
    packets: total('packetsReceived'),
  }
}

/** @type {import('node:child_process').ChildProcessByStdio<null, import('node:stream').Readable, null> | undefined} */
let relay
let path = ''

/**
 * The address that leads to the server's: its own, or the relay's.
 *
 * @param {string} server
 */
async function pathTo(server) {
  const [program, ...options] = relayCommand
  if (program === undefined) return server
  if (relay === undefined) {
    relay = spawn(program, [...options, '--to', server], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = await once(relay.stdout, 'data')
    path = JSON.parse(String(line)).listening
  }
  return path
}

const browser = await startBrowser()
const whep = `${address}/api/v1/streams/${camera}/main/whep`
const found = []
for (let join = 0; join < Number(joins); join += 1) {
  const page = await (await browser.newContext()).newPage()
  await page.exposeFunction('pathTo', pathTo)
  await page.goto(`${address}/health/live`)
  // Joins fall anywhere in a group of pictures, the same places each run.
  await page.waitForTimeout(370 * join)
  found.push(summary(await page.evaluate(watch, { whep, seconds: Number(seconds), wait: WAIT_MS })))
  await page.context().close()
}
await browser.close()
relay?.kill()
console.log(JSON.stringify(found))
