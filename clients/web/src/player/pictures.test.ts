import { expect, it, vi } from 'vitest'
import { makePictures } from './pictures'

function chunk(timestamp: number): EncodedVideoChunk {
  const data = Uint8Array.of(0xff, 0xd8, timestamp)
  return { timestamp, byteLength: data.length, copyTo: (into: Uint8Array) => { into.set(data) } } as unknown as EncodedVideoChunk
}

function start(show?: () => void) {
  const waiting: { file: Blob; done: (image: ImageBitmap) => void; failed: (error: unknown) => void }[] = []
  const shown: number[] = []
  const errors: string[] = []
  const image = { close: vi.fn() }
  const decoder = makePictures(
    { output: show ?? ((frame) => shown.push(frame.timestamp)), error: (error) => errors.push(error.name) },
    {
      decode: (file) => new Promise((done, failed) => waiting.push({ file, done, failed })),
      makeFrame: (_, init) => ({ timestamp: init.timestamp }) as unknown as VideoFrame,
    },
  )
  decoder.configure({ codec: 'mjpeg' })
  const answer = async (at: number) => {
    waiting[at]?.done(image as unknown as ImageBitmap)
    // All that follows from it at once.
    await new Promise((done) => setTimeout(done))
  }
  return { decoder, waiting, shown, errors, image, answer }
}

it('decodes one at a time, and of those that came meanwhile the newest', async () => {
  const { decoder, waiting, shown, image, answer } = start()
  for (const time of [10, 20, 30]) decoder.decode(chunk(time))
  expect([waiting.length, decoder.decodeQueueSize]).toEqual([1, 1])
  expect(waiting[0]?.file.type).toBe('image/jpeg')
  await answer(0)
  expect([waiting.length, decoder.decodeQueueSize]).toEqual([2, 0])
  await answer(1)
  expect([waiting.length, shown]).toEqual([2, [10, 30]])
  decoder.decode(chunk(40))
  await answer(2)
  expect(shown).toEqual([10, 30, 40])
  expect(image.close).toHaveBeenCalledTimes(3)
})

it('never decodes two at once, however often it begins anew', async () => {
  const { decoder, waiting, shown, image, answer } = start()
  for (const time of [10, 20, 30]) {
    decoder.decode(chunk(time))
    decoder.reset()
    decoder.configure({ codec: 'mjpeg' })
  }
  decoder.decode(chunk(40))
  expect(waiting.length).toBe(1)
  await answer(0)
  expect([waiting.length, shown]).toEqual([2, []])
  await answer(1)
  expect(shown).toEqual([40])
  expect(image.close).toHaveBeenCalledTimes(2)
})

it('lets go of a picture that cannot be shown', async () => {
  const { waiting, errors, image, decoder, answer } = start(() => { throw new Error('no canvas') })
  decoder.decode(chunk(10))
  await answer(0)
  expect([errors, waiting.length]).toEqual([['EncodingError'], 1])
  expect(image.close).toHaveBeenCalledOnce()
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
