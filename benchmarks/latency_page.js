// Runs in a page: plays one stream by one way, and notes how old each picture is by the camera's
// clock when it is there to be shown. Simulated cameras write their clock into each picture.
'use strict'

/** What stands in a picture before its time: UTC_SEI_UUID of the engine. */
const MARK = [0x5a, 0x1c, 0x93, 0xe4, 0x7b, 0x0d, 0x4f, 0x26, 0x8e, 0xd1, 0x36, 0xaa, 0x79, 0xc8, 0x52, 0xf7]
/** Pictures of this long after the first one are not counted: they may be of a cached group. */
const SETTLE_MS = 1500
/** A player may hurry when it is so much behind what it is told to hold back. */
const BEHIND_S = 0.25

/** When a picture was taken, in milliseconds of UTC. @param {Uint8Array} data */
function takenMs(data) {
  const at = data.findIndex((byte, index) => byte === MARK[0] && MARK.every((part, offset) => data[index + offset] === part))
  if (at < 0) return undefined
  let value = 0n
  let zeros = 0
  for (let count = 0, index = at + MARK.length; count < 8; index += 1) {
    const byte = data[index]
    // An emulation prevention byte (H.264, 7.4.1).
    if (zeros >= 2 && byte === 3) {
      zeros = 0
      continue
    }
    zeros = byte === 0 ? zeros + 1 : 0
    value = (value << 8n) | BigInt(byte)
    count += 1
  }
  return Number(value) / 1000
}

/** Counts pictures from a request on. @param {{seconds: number, wait: number}} limits */
function makeNotes({ seconds, wait }) {
  const begun = performance.now()
  const late = []
  let first
  let unknown = 0
  let finish
  const done = new Promise((resolve) => { finish = resolve })
  setTimeout(() => finish(), wait)
  return {
    /** A picture was there at `at` of the page's clock, and taken at `taken` of UTC. */
    shown(at, taken) {
      if (first === undefined) {
        first = at - begun
        setTimeout(() => finish(), SETTLE_MS + seconds * 1000)
      }
      if (at - begun < first + SETTLE_MS) return
      if (taken === undefined) unknown += 1
      else late.push(Date.now() - performance.now() + at - taken)
    },
    async result() {
      await done
      return { first, late, unknown }
    },
  }
}

function makeVideo() {
  const video = document.createElement('video')
  video.muted = true
  document.body.append(video)
  return video
}

/** Tells each picture of a video element. */
function onPictures(video, told) {
  const next = (_now, picture) => {
    told(picture)
    video.requestVideoFrameCallback(next)
  }
  video.requestVideoFrameCallback(next)
}

async function byWebRtc(options) {
  const notes = makeNotes(options)
  const taken = new Map()
  const peer = new RTCPeerConnection({ encodedInsertableStreams: true })
  const { receiver } = peer.addTransceiver('video', { direction: 'recvonly' })
  const { readable, writable } = receiver.createEncodedStreams()
  const look = new TransformStream({
    transform(frame, controller) {
      const at = takenMs(new Uint8Array(frame.data))
      if (at !== undefined) taken.set(frame.getMetadata().rtpTimestamp, at)
      controller.enqueue(frame)
    },
  })
  void readable.pipeThrough(look).pipeTo(writable)
  const video = makeVideo()
  onPictures(video, ({ presentationTime, rtpTimestamp }) => notes.shown(presentationTime, taken.get(rtpTimestamp)))
  peer.ontrack = ({ track }) => {
    video.srcObject = new MediaStream([track])
    void video.play()
  }
  await peer.setLocalDescription()
  const headers = { 'Content-Type': 'application/sdp' }
  const answer = await fetch(options.url, { method: 'POST', headers, body: peer.localDescription.sdp })
  if (answer.status !== 201) throw new Error(`${answer.status}: ${await answer.text()}`)
  await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() })
  const result = await notes.result()
  peer.close()
  await fetch(new URL(answer.headers.get('Location'), options.url), { method: 'DELETE' })
  return result
}

/** The media socket, decoded by WebCodecs as our page does (docs/reference/media-socket.md). */
async function bySocket(options) {
  const notes = makeNotes(options)
  const taken = new Map()
  const hidden = new Set()
  const decoder = new VideoDecoder({
    output(picture) {
      if (!hidden.delete(picture.timestamp)) notes.shown(performance.now(), taken.get(picture.timestamp))
      taken.delete(picture.timestamp)
      picture.close()
    },
    error(error) { throw error },
  })
  const socket = new WebSocket(options.url)
  socket.binaryType = 'arraybuffer'
  socket.onopen = () => socket.send(JSON.stringify({ type: 'subscribe', id: 1, camera: options.camera, stream: 'main' }))
  socket.onmessage = ({ data }) => {
    if (typeof data === 'string') return
    const head = new DataView(data)
    const rest = new Uint8Array(data, 24)
    if (head.getUint8(0) === 2) {
      const { codec, width, height, description } = JSON.parse(new TextDecoder().decode(rest))
      const record = Uint8Array.from(atob(description), (char) => char.charCodeAt(0))
      decoder.configure({ codec, codedWidth: width, codedHeight: height, description: record, optimizeForLatency: true })
      return
    }
    const bits = head.getUint8(1)
    const timestamp = Number(head.getBigInt64(8))
    taken.set(timestamp, takenMs(rest))
    if (bits & 4) hidden.add(timestamp)
    decoder.decode(new EncodedVideoChunk({ type: bits & 1 ? 'key' : 'delta', timestamp, data: rest }))
  }
  const result = await notes.result()
  socket.close()
  decoder.close()
  return result
}

/** Boxes of MP4 between two places: name, beginning and end of what is in them. */
function* boxes(view, from, to) {
  for (let at = from; at + 8 <= to; ) {
    const size = view.getUint32(at)
    const name = String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + at + 4, 4))
    yield { name, at, from: at + 8, to: at + size }
    at += size
  }
}

function find(view, path, from = 0, to = view.byteLength) {
  const [name, ...rest] = path
  const box = [...boxes(view, from, to)].find((one) => one.name === name)
  if (box === undefined || rest.length === 0) return box
  return find(view, rest, box.from, box.to)
}

/** Pictures of fragments of one track: time of presentation in seconds, and when each was taken. */
function* picturesOf(data, timescale) {
  const view = new DataView(data)
  const top = [...boxes(view, 0, view.byteLength)]
  for (const moof of top.filter(({ name }) => name === 'moof')) {
    const inside = (name) => find(view, ['traf', name], moof.from, moof.to)
    const tfhd = inside('tfhd')
    const flags = view.getUint32(tfhd.from) & 0xffffff
    let at = tfhd.from + 8 + (flags & 1 ? 8 : 0) + (flags & 2 ? 4 : 0)
    const usual = flags & 8 ? view.getUint32(at) : 0
    at += flags & 8 ? 4 : 0
    const usualSize = flags & 16 ? view.getUint32(at) : 0
    const tfdt = inside('tfdt')
    let time = view.getUint8(tfdt.from) === 1 ? Number(view.getBigUint64(tfdt.from + 4)) : view.getUint32(tfdt.from + 4)
    const trun = inside('trun')
    const has = view.getUint32(trun.from) & 0xffffff
    const count = view.getUint32(trun.from + 4)
    let sample = moof.at + (has & 1 ? view.getInt32(trun.from + 8) : 0)
    let row = trun.from + 8 + (has & 1 ? 4 : 0) + (has & 4 ? 4 : 0)
    const take = (bit) => {
      if (!(has & bit)) return undefined
      row += 4
      return view.getInt32(row - 4)
    }
    for (let number = 0; number < count; number += 1) {
      const duration = take(0x100) ?? usual
      const size = take(0x200) ?? usualSize
      take(0x400)
      const shift = take(0x800) ?? 0
      yield { time: (time + shift) / timescale, taken: takenMs(new Uint8Array(data, sample, size)) }
      time += duration
      sample += size
    }
  }
}

const attribute = (text, name) => new RegExp(`${name}="?([^",\\n]+)`).exec(text)?.[1]

/** HLS with low latency through Media Source Extensions: holds back what the playlist says, not more. */
async function byHls(options) {
  const notes = makeNotes(options)
  const video = makeVideo()
  const source = new MediaSource()
  video.src = URL.createObjectURL(source)
  await new Promise((resolve) => source.addEventListener('sourceopen', resolve, { once: true }))
  const get = async (name) => {
    const answer = await fetch(new URL(name, options.url))
    if (!answer.ok) throw new Error(`${name}: ${answer.status}`)
    return answer
  }
  let text = await (await get('index.m3u8')).text()
  const holdBack = Number(attribute(text, 'PART-HOLD-BACK'))
  const init = await (await get(attribute(text.slice(text.lastIndexOf('#EXT-X-MAP')), 'URI'))).arrayBuffer()
  const head = new DataView(init)
  const mdhd = find(head, ['moov', 'trak', 'mdia', 'mdhd'])
  const timescale = head.getUint32(mdhd.from + (head.getUint8(mdhd.from) === 1 ? 20 : 12))
  const bytes = new Uint8Array(init)
  const record = bytes.findIndex((_, at) => 'avcC'.split('').every((char, offset) => bytes[at + offset] === char.charCodeAt(0))) + 4
  const profile = [...bytes.slice(record + 1, record + 4)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  const buffer = source.addSourceBuffer(`video/mp4; codecs="avc1.${profile}"`)
  const append = async (data) => {
    const ended = new Promise((resolve) => buffer.addEventListener('updateend', resolve, { once: true }))
    buffer.appendBuffer(data)
    await ended
  }
  const taken = new Map()
  const tick = (time) => Math.round(time * 1000)
  onPictures(video, ({ presentationTime, mediaTime }) => {
    const at = tick(mediaTime)
    notes.shown(presentationTime, taken.get(at) ?? taken.get(at - 1) ?? taken.get(at + 1))
  })
  const end = () => buffer.buffered.end(buffer.buffered.length - 1)
  const add = async (data) => {
    for (const picture of picturesOf(data, timescale)) taken.set(tick(picture.time), picture.taken)
    await append(data)
    video.playbackRate = end() - video.currentTime > holdBack + BEHIND_S ? 1.1 : 1
  }
  await append(init)
  // From the last part that begins with a key frame and is far enough behind the end.
  const parts = [...text.matchAll(/#EXT-X-PART:(.*)/g)].map(([, words]) => ({
    uri: attribute(words, 'URI'),
    key: words.includes('INDEPENDENT=YES'),
    seconds: Number(attribute(words, 'DURATION')),
  }))
  let begin = parts.length - 1
  let behind = parts[begin].seconds
  while (begin > 0 && (behind < holdBack || !parts[begin].key)) {
    begin -= 1
    behind += parts[begin].seconds
  }
  for (const { uri } of parts.slice(begin)) await add(await (await get(uri)).arrayBuffer())
  video.currentTime = Math.max(end() - holdBack, buffer.buffered.start(0))
  await video.play()
  let playing = true
  const follow = async () => {
    while (playing) {
      const hint = attribute(text.slice(text.lastIndexOf('#EXT-X-PRELOAD-HINT')), 'URI')
      const [segment, part] = hint.split('.')
      const reload = get(`index.m3u8?_HLS_msn=${segment}&_HLS_part=${part}`)
      await add(await (await get(hint)).arrayBuffer())
      text = await (await reload).text()
    }
  }
  const following = follow()
  const result = await Promise.race([notes.result(), following.then(() => undefined)])
  playing = false
  await following
  video.remove()
  return result
}

window.watchBy = { webrtc: byWebRtc, socket: bySocket, hls: byHls }
