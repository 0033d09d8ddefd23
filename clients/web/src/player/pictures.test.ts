import { expect, it, vi } from 'vitest'
import { makePictures } from './pictures'

function chunk(timestamp: number): EncodedVideoChunk {
  const data = Uint8Array.of(0xff, 0xd8, timestamp)
  return { timestamp, byteLength: data.length, copyTo: (into: Uint8Array) => { into.set(data) } } as unknown as EncodedVideoChunk
}

function start() {
  const waiting: { file: Blob; done: (image: ImageBitmap) => void; failed: (error: unknown) => void }[] = []
  const shown: number[] = []
  const errors: string[] = []
  const image = { close: vi.fn() }
  const decoder = makePictures(
    { output: (frame) => shown.push(frame.timestamp), error: (error) => errors.push(error.name) },
    {
      decode: (file) => new Promise((done, failed) => waiting.push({ file, done, failed })),
      makeFrame: (_, init) => ({ timestamp: init.timestamp }) as unknown as VideoFrame,
    },
  )
  decoder.configure({ codec: 'mjpeg' })
  const answer = async (at: number) => {
    waiting[at]?.done(image as unknown as ImageBitmap)
    await Promise.resolve()
    await Promise.resolve()
  }
  return { decoder, waiting, shown, errors, image, answer }
}

it('shows pictures in their order, and leaves out what comes too late', async () => {
  const { decoder, waiting, shown, image, answer } = start()
  for (const time of [10, 20, 30]) decoder.decode(chunk(time))
  expect(decoder.decodeQueueSize).toBe(3)
  expect(waiting[0]?.file.type).toBe('image/jpeg')
  await answer(0)
  await answer(2)
  await answer(1)
  expect(shown).toEqual([10, 30])
  expect(decoder.decodeQueueSize).toBe(0)
  expect(image.close).toHaveBeenCalledTimes(3)
})

it('tells of a picture that cannot be decoded, and of none from before', async () => {
  const { decoder, waiting, shown, errors, answer } = start()
  decoder.decode(chunk(10))
  waiting[0]?.failed(new DOMException('bad', 'InvalidStateError'))
  await vi.waitFor(() => { expect(errors).toEqual(['InvalidStateError']) })
  decoder.decode(chunk(20))
  decoder.reset()
  expect([decoder.state, decoder.decodeQueueSize]).toEqual(['unconfigured', 0])
  await answer(1)
  expect(shown).toEqual([])
  decoder.close()
  expect(decoder.state).toBe('closed')
})
