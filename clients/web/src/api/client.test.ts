import { beforeEach, describe, expect, it } from 'vitest'
import { addressOf, csrfToken, given, isConflict, makeClient, type Client } from './client'
import { Problem } from './problem'
import { jsonAnswer } from './testing'

let sent: { input: string; init: RequestInit }[]
let answers: (Response | Error)[]
let renewals: number
let alive: boolean
let client: Client

beforeEach(() => {
  sent = []
  answers = []
  renewals = 0
  alive = true
  client = makeClient({
    csrf: () => 'proof',
    renew: () => {
      renewals += 1
      return Promise.resolve(alive)
    },
    send: (input, init = {}) => {
      sent.push({ input, init })
      const answer = answers.shift() ?? jsonAnswer({})
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer)
    },
  })
})

const headers = (at = 0) => new Headers(sent[at]?.init.headers)
const refused = (status: number, code: string) => jsonAnswer({ code, detail: 'why' }, { status })

describe('makeClient', () => {
  it('proves what it changes, and says which version it saw', async () => {
    await client.change('/users/u1', { method: 'PATCH', body: { name: 'Ana' }, version: 3 })
    expect(sent[0]).toMatchObject({ input: '/api/v1/users/u1', init: { method: 'PATCH', body: '{"name":"Ana"}' } })
    expect(headers().get('X-CSRF-Token')).toBe('proof')
    expect(headers().get('If-Match')).toBe('"3"')
    expect(headers().get('Content-Type')).toBe('application/json')
  })

  it('sends no proof and no body with what only reads', async () => {
    await client.get('/users', { text: 'a b', cursor: undefined, limit: 5 })
    expect(sent[0]?.input).toBe('/api/v1/users?text=a+b&limit=5')
    expect(headers().has('X-CSRF-Token')).toBe(false)
    expect(sent[0]?.init.body).toBeUndefined()
  })

  it('sends a file as it is', async () => {
    await client.change('/cameras/import', { method: 'POST', body: 'a,b', media: 'text/csv' })
    expect(sent[0]?.init.body).toBe('a,b')
    expect(headers().get('Content-Type')).toBe('text/csv')
  })

  it('has nothing to read in an answer without content', async () => {
    answers = [new Response(null, { status: 204 })]
    expect(await client.change('/users/u1', { method: 'DELETE', version: 1 })).toBeUndefined()
  })

  it('renews a session that has run out, and asks again', async () => {
    answers = [refused(401, 'token_expired'), jsonAnswer({ id: 'u1' })]
    expect(await client.get('/auth/me')).toEqual({ id: 'u1' })
    expect(renewals).toBe(1)
  })

  it('rejects when the session has ended', async () => {
    alive = false
    answers = [refused(401, 'session_ended')]
    await expect(client.get('/auth/me')).rejects.toMatchObject({ status: 401, reason: { code: 'session_ended' } })
    expect(sent).toHaveLength(1)
  })

  it('takes a wrong password for what it is', async () => {
    answers = [refused(401, 'sign_in_failed')]
    await expect(client.change('/auth/sign-in', { method: 'POST', body: {} })).rejects.toMatchObject({ status: 401 })
    expect(renewals).toBe(0)
  })

  it('tells how long to wait, also where only the header does', async () => {
    answers = [jsonAnswer({ code: 'rate_limited', values: {} }, { status: 429, headers: { 'Retry-After': '7' } })]
    await expect(client.get('/users')).rejects.toMatchObject({ reason: { values: { wait_s: 7 } } })
  })

  it('rejects with a reason when nobody answers', async () => {
    answers = [new TypeError('network')]
    await expect(client.get('/users')).rejects.toMatchObject({ status: 0, reason: { code: 'server_unreachable' } })
  })

  it('reads every page of a list, up to a number', async () => {
    answers = [jsonAnswer({ items: [1, 2], next: 'c' }), jsonAnswer({ items: [3], next: 'd' })]
    expect(await client.all('/users', {}, 3)).toEqual([1, 2, 3])
    expect(sent.map((one) => one.input)).toEqual(['/api/v1/users?limit=200', '/api/v1/users?limit=200&cursor=c'])
  })
})

describe('csrfToken', () => {
  it('is found among other cookies', () => {
    expect(csrfToken('a=b; vms_csrf=x-y_z; c=d')).toBe('x-y_z')
    expect(csrfToken('other_vms_csrf=x')).toBeUndefined()
  })
})

it('asks for what is empty, but for no filter that is', () => {
  expect(addressOf('/users', { a: null, home: '' })).toBe('/api/v1/users?home=')
  expect(addressOf('/users', given({ text: '' }))).toBe('/api/v1/users')
})

it('knows a conflict of versions', () => {
  expect(isConflict(new Problem(412, { code: 'version_conflict', values: {} }))).toBe(true)
  expect(isConflict(new Problem(409, { code: 'login_taken', values: {} }))).toBe(false)
  expect(isConflict(new Error('other'))).toBe(false)
})
