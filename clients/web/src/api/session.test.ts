import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { makeSession, type Session, type SessionOptions, type SessionState } from './session'
import { jsonAnswer } from './testing'

const MINUTE = 60_000
let states: SessionState[]
let asked: string[]
let bodies: unknown[]
let answers: Record<string, () => Response>
let kept: Map<string, string>
let proof: string | undefined
let open: Session[]

const signedIn = () => jsonAnswer({ state: 'signed_in', access_expires_us: (Date.now() + 10 * MINUTE) * 1000 })
const refused = (status: number, code: string) => jsonAnswer({ code }, { status })

function start(change: Partial<SessionOptions> = {}): Session {
  const session = makeSession({
    onState: (state) => states.push(state),
    csrf: () => proof,
    store: { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value) },
    alone: (work) => work(),
    send: (input, init = {}) => {
      const key = `${init.method ?? 'GET'} ${input.replace('/api/v1', '')}`
      asked.push(key)
      bodies.push(typeof init.body === 'string' ? JSON.parse(init.body) : undefined)
      const answer = answers[key]
      return answer === undefined ? Promise.reject(new TypeError('down')) : Promise.resolve(answer())
    },
    ...change,
  })
  open.push(session)
  return session
}

const kinds = () => states.map((state) => state.kind)

beforeEach(() => {
  vi.useFakeTimers()
  states = []
  asked = []
  bodies = []
  open = []
  kept = new Map()
  proof = 'proof'
  answers = {
    'GET /version': () => jsonAnswer({ version: '1', open: false }),
    'GET /auth/me': () => jsonAnswer({ id: 'u1', allowed: [], must_enrol: false }),
    'POST /auth/sign-in': signedIn,
    'POST /auth/second-factor': signedIn,
    'POST /auth/refresh': signedIn,
    'POST /auth/sign-out': () => new Response(null, { status: 204 }),
  }
})

afterEach(() => {
  for (const session of open) session.close()
  vi.useRealTimers()
})

describe('the start', () => {
  it('is in open mode where the server says so', async () => {
    proof = undefined
    answers['GET /version'] = () => jsonAnswer({ version: '1', open: true })
    await start().start()
    expect(kinds()).toEqual(['open'])
    expect(asked).toEqual(['GET /version'])
  })

  it('asks nobody for a name whom the browser has no cookie of', async () => {
    proof = undefined
    await start().start()
    expect(kinds()).toEqual(['out'])
    expect(asked).toEqual(['GET /version'])
  })

  it('finds who is signed in', async () => {
    await start().start()
    expect(states).toMatchObject([{ kind: 'in', me: { id: 'u1' } }])
  })

  it('renews an access that has run out meanwhile', async () => {
    const answer = answers['GET /auth/me']
    answers['GET /auth/me'] = () => {
      if (answer !== undefined) answers['GET /auth/me'] = answer
      return refused(401, 'token_expired')
    }
    await start().start()
    expect(kinds()).toEqual(['in'])
    expect(asked).toContain('POST /auth/refresh')
  })

  it('is out when the session has ended', async () => {
    answers['GET /auth/me'] = () => refused(401, 'session_ended')
    answers['POST /auth/refresh'] = () => refused(401, 'session_ended')
    await start().start()
    expect(kinds().at(-1)).toBe('out')
  })

  it('rejects while the server is away, so that it is asked again', async () => {
    answers = {}
    await expect(start().start()).rejects.toThrow()
    expect(states).toEqual([])
  })
})

describe('signing in', () => {
  it('opens a session by password', async () => {
    expect(await start().signIn('ana', 'secret', 'sp')).toBeUndefined()
    expect(bodies[0]).toEqual({ login: 'ana', password: 'secret', city: 'sp', cookies: true })
    expect(kinds()).toEqual(['in'])
  })

  it('gives the ticket where a code is asked for, and opens the session by both', async () => {
    answers['POST /auth/sign-in'] = () => jsonAnswer({ state: 'second_factor', ticket: 't1' })
    const session = start()
    expect(await session.signIn('ana', 'secret', '')).toBe('t1')
    expect(states).toEqual([])
    await session.secondFactor('t1', '123456')
    expect(bodies[1]).toEqual({ ticket: 't1', code: '123456', cookies: true })
    expect(kinds()).toEqual(['in'])
  })

  it('ends by signing out', async () => {
    const session = start()
    await session.signIn('ana', 'secret', '')
    await session.signOut()
    expect(kinds()).toEqual(['in', 'out'])
  })
})

describe('the renewal', () => {
  const refreshes = () => asked.filter((key) => key === 'POST /auth/refresh').length

  it('comes before the access runs out, and again', async () => {
    await start().signIn('ana', 'secret', '')
    await vi.advanceTimersByTimeAsync(8.5 * MINUTE)
    expect(refreshes()).toBe(0)
    await vi.advanceTimersByTimeAsync(MINUTE)
    expect(refreshes()).toBe(1)
    await vi.advanceTimersByTimeAsync(10 * MINUTE)
    expect(refreshes()).toBe(2)
  })

  it('is left to the tab that was first', async () => {
    await start().signIn('ana', 'secret', '')
    await vi.advanceTimersByTimeAsync(8 * MINUTE)
    kept.set('vms.session.expires', String(Date.now() + 10 * MINUTE))
    await vi.advanceTimersByTimeAsync(5 * MINUTE)
    expect(refreshes()).toBe(0)
  })

  it('is one for all calls that wait for it', async () => {
    let ended = true
    answers['GET /users'] = () => (ended ? refused(401, 'token_expired') : jsonAnswer({ items: [] }))
    answers['POST /auth/refresh'] = () => {
      ended = false
      return signedIn()
    }
    const { client } = start()
    await Promise.all([client.get('/users'), client.get('/users'), client.get('/users')])
    expect(refreshes()).toBe(1)
  })

  it('counts another tab that came first as its own', async () => {
    answers['POST /auth/refresh'] = () => refused(409, 'refresh_superseded')
    let times = 0
    answers['GET /users'] = () => ((times += 1) === 1 ? refused(401, 'token_expired') : jsonAnswer({ items: [] }))
    await expect(start().client.get('/users')).resolves.toEqual({ items: [] })
    expect(states).toEqual([])
  })

  it('is tried again while the server is away', async () => {
    await start().signIn('ana', 'secret', '')
    const good = answers['POST /auth/refresh']
    delete answers['POST /auth/refresh']
    await vi.advanceTimersByTimeAsync(9.5 * MINUTE)
    expect(kinds()).toEqual(['in'])
    if (good !== undefined) answers['POST /auth/refresh'] = good
    const before = refreshes()
    await vi.advanceTimersByTimeAsync(MINUTE)
    expect(refreshes()).toBe(before + 1)
  })

  it('needs a cookie: without one the session has ended', async () => {
    answers['GET /users'] = () => refused(401, 'not_signed_in')
    const session = start()
    proof = undefined
    await expect(session.client.get('/users')).rejects.toMatchObject({ status: 401 })
    expect(kinds()).toEqual(['out'])
    expect(refreshes()).toBe(0)
  })

  it('works where the browser has no locks', async () => {
    const session = makeSession({
      onState: (state) => states.push(state),
      csrf: () => 'proof',
      send: (input) => Promise.resolve(input.endsWith('refresh') ? signedIn() : refused(401, 'token_expired')),
    })
    open.push(session)
    await expect(session.client.get('/users')).rejects.toMatchObject({ status: 401 })
    expect(Number(localStorage.getItem('vms.session.renewed'))).toBeGreaterThan(0)
    localStorage.clear()
  })
})
