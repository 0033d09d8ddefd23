import { cleanup } from '@solidjs/testing-library'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { control, fakeServer, page, press, show, somebody, submit, type, type FakeServer } from '../ui/testing'
import { Account } from './Account'

let server: FakeServer
const me = somebody({ home: 'sp' })
const session = { id: 's1', agent: 'Firefox', address: '192.0.2.1', second_factor: true, created_us: 1, used_us: 2, expires_us: 3, current: true }
const key = { id: 'k1', name: 'report', role: 'visualizador', scope: 'camera:sp/c1', expires_us: 5, used_us: null }

beforeEach(() => {
  HTMLDialogElement.prototype.showModal = vi.fn()
  server = fakeServer({
    'GET /auth/sessions': page(session, { ...session, id: 's2', current: false }, { ...session, id: 's3', agent: '', current: false }),
    'GET /roles': page({ id: 'visualizador', name: 'visualizador', functions: [], shipped: true, version: 1, home: '' }),
    'GET /api-keys': page(key),
    'GET /stream-keys': page({ ...key, id: 'k2', name: 'player', audio: false }),
    'GET /cameras/c1': { id: 'c1', name: 'Gate' },
    'GET /cameras': page({ id: 'c1', name: 'Gate' }),
  })
})

afterEach(cleanup)

const open = (change: Partial<typeof me> = {}) =>
  show(() => <Account />, { server, state: { kind: 'in', me: { ...me, ...change } } })
const text = (container: HTMLElement, wanted: string) =>
  vi.waitFor(() => {
    expect(container.textContent).toContain(wanted)
  })
const sent = (wanted: string) =>
  vi.waitFor(() => {
    const found = server.last(wanted)
    expect(found, wanted).toBeDefined()
    return found
  })
/** The panel of this title: labels come more than once on this screen. */
function panel(container: HTMLElement, title: string): HTMLElement {
  const found = [...container.querySelectorAll<HTMLElement>('.panel')].find(
    (one) => one.querySelector('h2')?.textContent === title,
  )
  if (found === undefined) throw new Error(`there is no panel ${title}`)
  return found
}

describe('my account', () => {
  it('changes name and address', async () => {
    server.answers['PATCH /auth/me'] = me.user
    const { container, session: made } = open()
    const details = panel(container, 'Details')
    type(details, 'Name', 'Ana Souza')
    submit(details)
    expect((await sent('PATCH /auth/me'))?.body).toEqual({ name: 'Ana Souza', email: '' })
    await vi.waitFor(() => {
      expect(made.calls).toContain('reload')
    })
  })

  it('changes the password', async () => {
    server.answers['POST /auth/password'] = null
    const { container } = open()
    const password = panel(container, 'Password')
    type(password, 'Current password', 'old')
    type(password, 'New password', 'eight blue tricycles')
    type(password, 'Password once more', 'eight')
    expect(password.textContent).toContain('The passwords differ')
    type(password, 'Password once more', 'eight blue tricycles')
    submit(password)
    await text(password, 'The password is changed')
    expect(server.last('POST /auth/password')?.body).toEqual({ current: 'old', new: 'eight blue tricycles' })
    expect(control(password, 'Current password').value).toBe('')
  })

  it('renews recovery codes and removes the second factor, each by a code', async () => {
    server.answers['POST /auth/recovery-codes'] = { codes: ['k3fq-81hd'] }
    server.answers['POST /auth/totp/remove'] = null
    const { container } = open()
    const factor = panel(container, 'Second factor')
    type(factor, 'Six digits from the app', '123456')
    submit(factor)
    await text(factor, 'k3fq-81hd')
    type(factor, 'Six digits from the app', '654321')
    press(factor, 'Remove the second factor')
    expect((await sent('POST /auth/totp/remove'))?.body).toEqual({ code: '654321' })
  })

  it('leads to setting up a second factor where there is none', () => {
    const user = me.user === null ? null : { ...me.user, second_factor: false }
    const { container } = open({ user })
    expect(panel(container, 'Second factor').querySelector('a')?.getAttribute('href')).toBe('/account/second-factor')
  })

  it('ends sessions', async () => {
    server.answers['DELETE /auth/sessions'] = { count: 2 }
    const { container } = open()
    await text(container, 'This one')
    press(container, 'End all others')
    container.querySelector<HTMLButtonElement>('dialog button')?.click()
    await sent('DELETE /auth/sessions')
  })

  it('makes and withdraws API keys', async () => {
    server.answers['POST /api-keys'] = { key, token: 'vms_k1_secret' }
    server.answers['DELETE /api-keys/k1'] = null
    const { container } = open()
    await text(container, 'Camera Gate (sp)')
    const keys = panel(container, 'API keys')
    type(keys, 'Name', 'report')
    await vi.waitFor(() => {
      type(keys, 'Role', 'visualizador')
      expect((control(keys, 'Role') as unknown as HTMLSelectElement).value).toBe('visualizador')
    })
    submit(keys)
    await text(keys, 'vms_k1_secret')
    expect(server.last('POST /api-keys')?.body).toEqual({ name: 'report', role: 'visualizador', scope: 'city:sp', days: 90 })
    press(keys, 'Withdraw')
    keys.querySelector<HTMLButtonElement>('dialog button')?.click()
    await sent('DELETE /api-keys/k1')
  })

  it('shows what to type into an encoder, this once', async () => {
    const address = 'srt://vms.example:8890?streamid=publish:c1:k9&passphrase=hush'
    const whip = 'https://vms.example/api/v1/streams/c1/main/whip'
    server.answers['POST /stream-keys'] = {
      key: { ...key, id: 'k9', publish: true },
      secret: 'hush',
      publish_to: [
        { protocol: 'srt', stream: 'main', address, bearer: null },
        { protocol: 'whip', stream: 'main', address: whip, bearer: 'k9:hush' },
      ],
    }
    const { container } = open()
    const keys = panel(container, 'Stream keys')
    await text(keys, 'player')
    type(keys, 'Name', 'encoder')
    control(keys, 'With sound').click()
    control(keys, 'With recordings').click()
    type(keys, 'For', 'publish')
    await text(keys, 'Who uses it decides what the camera shows')
    expect(keys.textContent).not.toContain('With sound')
    server.answers['GET /stream-keys'] = page({ ...key, id: 'k9', name: 'encoder', audio: false, publish: true })
    submit(keys)
    await text(keys, address)
    expect(keys.textContent).toContain('Address for the encoder (SRT, Main), shown only now')
    expect(keys.textContent).toContain(`${whip}\nk9:hush`)
    await text(keys, 'publishes')
    expect(server.last('POST /stream-keys')?.body).toMatchObject({ name: 'encoder', audio: false, playback: false, publish: true })
  })

  it('makes and withdraws stream keys', async () => {
    server.answers['POST /stream-keys'] = { key: { ...key, id: 'k9' }, secret: 'hush', publish_to: [] }
    server.answers['DELETE /stream-keys/k2'] = null
    const { container } = open()
    const keys = panel(container, 'Stream keys')
    await text(keys, 'player')
    type(keys, 'Name', 'desk')
    type(keys, 'Where', 'camera')
    await vi.waitFor(() => {
      type(keys, 'Camera', 'c1')
      expect((control(keys, 'Camera') as unknown as HTMLSelectElement).value).toBe('c1')
    })
    control(keys, 'With sound').click()
    submit(keys)
    await text(keys, 'hush')
    const desk = { name: 'desk', scope: 'camera:sp/c1', days: 365, audio: true, playback: false, publish: false }
    expect(server.last('POST /stream-keys')?.body).toEqual(desk)
    press(keys, 'Withdraw')
    keys.querySelector<HTMLButtonElement>('dialog button')?.click()
    await sent('DELETE /stream-keys/k2')
  })
})
