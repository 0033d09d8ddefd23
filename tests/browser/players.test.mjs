// A browser plays files of recordings as they lie on the disk, and exports, with nothing of ours in the page.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startBrowser } from './page.mjs'

const VECTORS = fileURLToPath(new URL('../vectors/recording', import.meta.url))
const DAY = 'root/cameras/gate/2026-11-27'
/** Name, file, pictures and seconds as ffprobe tells them; the longest track counts. */
const FILES = /** @type {const} */ ([
  ['an hour file', join(VECTORS, 'after/mp4-export', DAY, 'video_10.mp4'), 20, 2.625],
  ['one that was thinned to key frames', join(VECTORS, 'after/key-frames-only', DAY, 'video_10.mp4'), 2, 1.125],
  ['pictures of a time-lapse', join(VECTORS, 'after/derived/root/export/clip.mp4'), 2, 0.25],
  ['an MP4 export', join(VECTORS, 'after/mp4-export/root/export/clip.mp4'), 12, 2.601],
])
const FRAME_S = 0.125

/** @type {import('./page.mjs').Browser} */
let browser

before(async () => {
  browser = await startBrowser()
})

after(() => browser?.close())

/** Plays a file to its end; what the player says of it. @param {string} path */
async function play(path) {
  const context = await browser.newContext()
  const page = await context.newPage()
  const file = (await readFile(path)).toString('base64')
  const told = await page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))
    const video = document.createElement('video')
    video.muted = true
    video.src = URL.createObjectURL(new Blob([bytes], { type: 'video/mp4' }))
    document.body.append(video)
    await new Promise((resolve, reject) => {
      video.onended = resolve
      video.onerror = () => reject(new Error(video.error?.message ?? 'the player gave up'))
      video.play().catch(reject)
    })
    const { totalVideoFrames, droppedVideoFrames } = video.getVideoPlaybackQuality()
    return { width: video.videoWidth, duration: video.duration, pictures: totalVideoFrames, dropped: droppedVideoFrames }
  }, file)
  await context.close()
  return told
}

describe('Chromium plays', () => {
  for (const [name, path, pictures, seconds] of FILES) {
    it(name, async () => {
      const told = await play(path)
      assert.equal(told.width, 64)
      assert.equal(told.pictures, pictures)
      assert.ok(Math.abs(told.duration - seconds) <= FRAME_S, `${told.duration} s, not ${seconds}`)
    })
  }
})
