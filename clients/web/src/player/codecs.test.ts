import { expect, it, vi } from 'vitest'
import { makeCodecs, titleOf, type Abilities } from './codecs'

function browser(...takes: readonly string[]) {
  const has = (text: string) => takes.some((one) => text.includes(one))
  return {
    decodes: vi.fn((codec: string) => Promise.resolve(has(codec))),
    buffers: vi.fn(has),
    plays: vi.fn(has),
  } satisfies Abilities
}

it('names what each way takes, in the words of the server', async () => {
  const codecs = makeCodecs(browser('avc1', 'hvc1', 'vp8', 'vp09', 'mp4v'))
  // A file of MP4 holds neither VP8 nor, for browsers, MPEG-4 part 2.
  expect(await codecs('socket')).toBe('h264,h265,vp8,vp9,mpeg4,mjpeg')
  expect(await codecs('mse')).toBe('h264,h265,vp9')
  expect(await codecs('hls')).toBe('h264,h265,vp9')
  expect(await codecs('webrtc')).toBeUndefined()
})

it('leaves H.265 out where the browser does not play it', async () => {
  const codecs = makeCodecs(browser('avc1', 'av01'))
  expect(await codecs('socket')).toBe('h264,av1,mjpeg')
  expect(await codecs('mse')).toBe('h264,av1')
})

it('says nothing where nothing is taken, as the server would have nothing to choose from', async () => {
  expect(await makeCodecs(browser())('mse')).toBeUndefined()
})

it('asks each way its own question, and once', async () => {
  const here = browser('avc1')
  const codecs = makeCodecs(here)
  await Promise.all([codecs('hls'), codecs('hls'), codecs('socket')])
  expect(here.plays.mock.calls.length).toBe(4)
  expect(here.plays.mock.calls[0]).toEqual(['video/mp4; codecs="avc1.640028"'])
  expect(here.decodes.mock.calls.length).toBe(6)
  expect(here.buffers).not.toHaveBeenCalled()
  await codecs('socket')
  expect(here.decodes.mock.calls.length).toBe(6)
})

it('takes a codec for unknown whose very name is an error to the browser', async () => {
  const isConfigSupported = vi.fn(({ codec }: VideoDecoderConfig) =>
    codec.startsWith('mp4v') ? Promise.reject(new TypeError('unknown')) : Promise.resolve({ supported: codec === 'vp8' }),
  )
  vi.stubGlobal('VideoDecoder', { isConfigSupported })
  expect(await makeCodecs()('socket')).toBe('vp8,mjpeg')
  vi.unstubAllGlobals()
})

it('calls codecs what people call them', () => {
  expect(['h265', 'mjpeg', 'theora'].map(titleOf)).toEqual(['H.265', 'Motion JPEG', 'theora'])
})
