import { describe, expect, it } from 'vitest'
import { noAnswer, Problem, problemOf } from './problem'
import { listStreams } from './streams'
import { jsonAnswer, streamStatus } from './testing'
import { readVersion } from './version'

describe('listStreams', () => {
  it('follows the pages to the last', async () => {
    const asked: string[] = []
    const pages = [
      { items: [streamStatus({ camera: 'a' })], next: 'a/b' },
      { items: [streamStatus({ camera: 'b' })], next: null },
    ]
    const streams = await listStreams((address) => {
      asked.push(address)
      return Promise.resolve(jsonAnswer(pages[asked.length - 1]))
    })
    expect(asked).toEqual(['/api/v1/streams', '/api/v1/streams?cursor=a%2Fb'])
    expect(streams.map((stream) => stream.camera)).toEqual(['a', 'b'])
  })

  it('rejects with the reason of a refusal', async () => {
    const refusal = listStreams(() => Promise.resolve(jsonAnswer({ code: 'unavailable' }, { status: 503 })))
    await expect(refusal).rejects.toMatchObject({ status: 503, reason: { code: 'unavailable' } })
  })
})

describe('readVersion', () => {
  it('takes the server as closed unless it says that it is open', async () => {
    const closed = await readVersion(() => Promise.resolve(jsonAnswer({ version: '0.1.0' })))
    expect(closed).toEqual({ version: '0.1.0', open: false })
    const open = await readVersion(() => Promise.resolve(jsonAnswer({ open: true })))
    expect(open).toEqual({ version: '', open: true })
  })

  it('rejects with the reason of a refusal', async () => {
    await expect(readVersion(() => Promise.resolve(jsonAnswer({}, { status: 500 })))).rejects.toBeInstanceOf(Problem)
  })
})

describe('problemOf', () => {
  it('takes code and values from the body', async () => {
    const body = { code: 'no_common_codec', values: { camera: 'H.265' }, detail: 'no' }
    const problem = await problemOf(jsonAnswer(body, { status: 406 }))
    expect(problem.status).toBe(406)
    expect(problem.reason).toEqual({ code: 'no_common_codec', values: { camera: 'H.265', detail: 'no', status: 406 } })
  })

  it('takes a reason as streams have it', async () => {
    const body = { reason: { code: 'disabled', values: {} }, title: 'Off' }
    expect((await problemOf(jsonAnswer(body, { status: 409 }))).reason).toMatchObject({
      code: 'disabled',
      values: { detail: 'Off' },
    })
  })

  it('makes the best of an answer that is no problem body', async () => {
    const page = new Response('<html>', { status: 502, statusText: 'Bad Gateway' })
    expect((await problemOf(page)).reason).toEqual({ code: 'refused', values: { detail: 'Bad Gateway', status: 502 } })
    expect((await problemOf(jsonAnswer(null, { status: 500 }))).reason.code).toBe('refused')
  })

  it('knows no answer at all', () => {
    expect(noAnswer()).toMatchObject({ status: 0, reason: { code: 'server_unreachable' } })
  })
})
