import { cleanup } from '@solidjs/testing-library'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { CameraItem, CameraStatus } from '../api/cameras'
import type { PushStatus } from '../api/streams'
import { control, fakeServer, page, press, refusal, show, somebody, submit, type, type FakeServer } from '../ui/testing'
import { Cameras } from './Cameras'
import { CameraScreen } from './CameraScreen'
import { HistoryScreen } from './HistoryScreen'
import { ImportScreen } from './ImportScreen'

let server: FakeServer
const status: CameraStatus = { state: 'offline', reason: { code: 'wrong_password', values: {} }, since_us: 1_700_000_000_000_000 }
const item: CameraItem = { id: 'c1', city: 'sp', name: 'Gate', maker: 'generic', enabled: true, site: null, groups: [], tags: [], masked: true, version: 3, status }
const camera = {
  ...item,
  host: null,
  port: null,
  channel: 1,
  sub_stream: true,
  url: 'rtsp://192.0.2.7/main',
  sub_url: null,
  backup_url: null,
  backup_sub_url: null,
  backup_user: null,
  has_backup_password: false,
  push: [],
  sub_push: [],
  has_push_passphrases: false,
  transport: null,
  on_demand: null,
  user: 'viewer',
  has_password: true,
  latitude: null,
  longitude: null,
  groups: ['g1'],
  masks: [{ name: 'Window', points: [[0, 0], [0.5, 0], [0.5, 0.5]] }],
  zones: [],
  streams: { main: 'rtsp://192.0.2.7/main' },
}
const makers = [
  { id: 'intelbras', title: 'Intelbras', default_port: 554, channels: 256, notes: '', main: 'rtsp://…', sub: null },
  { id: 'generic', title: 'Other', default_port: 554, channels: 1, notes: '', main: null, sub: null },
]

beforeEach(() => {
  vi.stubGlobal('scrollTo', () => undefined)
  HTMLDialogElement.prototype.showModal = vi.fn()
  server = fakeServer({
    'GET /cities': page({ id: 'sp', name: 'São Pedro' }),
    'GET /cities/sp/groups': page({ id: 'g1', name: 'Entrances', version: 1 }),
    'GET /cities/sp/sites': page({ id: 's1', name: 'Town hall', version: 1 }),
    'GET /cameras': page(item, { ...item, id: 'c2', name: 'Yard', masked: false, status: { state: 'unknown', reason: null, since_us: null } }),
    'GET /cameras/c1': camera,
    'GET /cameras/c1/status': { ...status, camera: 'c1', streams: [] },
    'GET /makers': { items: makers },
  })
})

afterEach(() => {
  cleanup()
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const text = (container: HTMLElement, wanted: string) =>
  vi.waitFor(() => {
    expect(container.textContent).toContain(wanted)
  })
const choose = (container: HTMLElement, label: string, value: string) =>
  vi.waitFor(() => {
    const select = control(container, label) as unknown as HTMLSelectElement
    expect([...select.options].map((option) => option.value)).toContain(value)
    select.value = value
    select.dispatchEvent(new Event('change', { bubbles: true }))
  })

describe('the list of cameras', () => {
  it('tells how they are doing and why, and is filtered', async () => {
    const { container } = show(() => <Cameras />, { server })
    await text(container, 'The camera refused the user name or the password')
    expect(container.textContent).toContain('with masks')
    await choose(container, 'City', 'sp')
    await choose(container, 'Camera group', 'g1')
    await choose(container, 'State', 'offline')
    type(container, 'Search', 'gate')
    await vi.waitFor(() => {
      expect(server.asked.at(-1)?.path).toBe('/cameras?city=sp&name=gate&state=offline&group=g1')
    })
  })

  it('is exported by city', async () => {
    server.answers['GET /cameras/export.csv'] = new Response('name\r\nGate\r\n')
    const made = vi.spyOn(URL, 'createObjectURL').mockReturnValue('blob:x')
    const { container } = show(() => <Cameras />, { server })
    await choose(container, 'City', 'sp')
    press(container, 'Export')
    await vi.waitFor(() => {
      expect(made).toHaveBeenCalledOnce()
    })
    server.answers['GET /cameras/export.csv'] = refusal(403, 'permission_missing')
    press(container, 'Export')
    await text(container, 'You may not do that.')
    made.mockRestore()
  })
})

describe('a new camera', () => {
  it('is made by its maker', async () => {
    server.answers['POST /cameras'] = { ...camera, id: 'c9' }
    const { container, app } = show(() => <CameraScreen />, { server })
    await choose(container, 'Maker', 'intelbras')
    type(container, 'Name', 'Gate')
    type(container, 'Host', '192.0.2.7')
    type(container, 'Channel', '2')
    control(container, 'Also fetch the small picture for walls').click()
    type(container, 'User name', 'viewer')
    type(container, 'Password', 'secret')
    type(container, 'Tags', 'street, north')
    await vi.waitFor(() => {
      control(container, 'Entrances').click()
    })
    await choose(container, 'Site', 's1')
    await choose(container, 'Transport', 'tcp')
    submit(container)
    await vi.waitFor(() => {
      expect(app.router.path()).toBe('/cameras/c9')
    })
    const body = server.last('POST /cameras')?.body
    expect(body).toMatchObject({
      city: 'sp',
      name: 'Gate',
      maker: 'intelbras',
      host: '192.0.2.7',
      port: null,
      channel: 2,
      sub_stream: false,
      transport: 'tcp',
      on_demand: null,
      user: 'viewer',
      password: 'secret',
      site: 's1',
      groups: ['g1'],
      tags: ['street', 'north'],
    })
    expect(body).not.toHaveProperty('url')
  })
})

describe('a new camera that calls', () => {
  it('has no address, and is told where to send it', async () => {
    server.answers['POST /cameras'] = { ...camera, id: 'c9' }
    const { container, app } = show(() => <CameraScreen />, { server })
    type(container, 'Name', 'Drone')
    type(container, 'User name', 'left over')
    type(container, 'Second address of the main stream', 'rtsp://192.0.2.8/a')
    await choose(container, 'Who calls', 'publish')
    await text(container, 'then make a stream key that publishes')
    expect(container.textContent).not.toContain('Maker')
    expect(container.textContent).not.toContain('Login at the camera')
    expect(container.textContent).not.toContain('Second address')
    control(container, 'A second sender takes overElse it is refused while the first one sends.').click()
    expect(container.textContent).toContain('Bring the small picture to somebody')
    control(container, 'It also sends a small picture for walls').click()
    expect(container.textContent).not.toContain('Bring the small picture to somebody')
    submit(container)
    await vi.waitFor(() => {
      expect(app.router.path()).toBe('/cameras/c9')
    })
    expect(server.last('POST /cameras')?.body).toMatchObject({
      maker: 'generic',
      url: 'publish:replace',
      sub_url: null,
      backup_url: null,
      user: null,
    })
  })
})

describe('the address of a camera', () => {
  it('is told how to be written, and has the login that its protocol has', async () => {
    server.answers['POST /cameras'] = { ...camera, id: 'c9' }
    const { container } = show(() => <CameraScreen />, { server })
    type(container, 'Name', 'Gate')
    type(container, 'Address of the main stream', 'gopher://192.0.2.7')
    await text(container, 'Begin with one of rtsp:// rtsps:// rtsp+http:// rtsp+https:// srt:// rtmp://')
    type(container, 'Address of the main stream', 'file:gate.mp4')
    await text(container, "A file or folder in the server's media folder, played again and again")
    expect(container.textContent).not.toContain('Login at the camera')
    type(container, 'Address of the main stream', 'srt://192.0.2.7:9000')
    await text(container, 'srt://HOST:PORT?streamid=NAME')
    expect(container.textContent).not.toContain('User name')
    expect(container.textContent).not.toContain('Transport')
    type(container, 'Passphrase', 'seven bicycles')
    type(container, 'Second address of the main stream', 'rtsp://ana:x@192.0.2.8/a')
    expect(container.textContent).not.toContain('Second address of the small picture')
    type(container, 'Address of the small picture', 'srt://192.0.2.7:9001')
    type(container, 'Second address of the small picture', 'rtsp://192.0.2.8/b')
    submit(container)
    await vi.waitFor(() => {
      expect(server.last('POST /cameras')?.body).toMatchObject({
        url: 'srt://192.0.2.7:9000',
        user: null,
        password: 'seven bicycles',
        backup_url: 'rtsp://ana:x@192.0.2.8/a',
        backup_sub_url: 'rtsp://192.0.2.8/b',
      })
    })
  })
})

describe('whom a camera is brought to', () => {
  it('is named with passphrases apart, of the small picture too where there is one', async () => {
    server.answers['POST /cameras'] = { ...camera, id: 'c9' }
    const { container } = show(() => <CameraScreen />, { server })
    type(container, 'Name', 'Gate')
    type(container, 'Address of the main stream', 'rtsp://192.0.2.7/main')
    expect(container.textContent).not.toContain('Bring the small picture to somebody')
    press(container, 'Bring the main stream to somebody')
    press(container, 'Bring the main stream to somebody')
    type(container, 'Target 1 of the main stream', 'rtmp://192.0.2.30/a')
    await text(container, 'Begin with one of srt://')
    type(container, 'Target 1 of the main stream', ' srt://192.0.2.30:9000 ')
    expect(container.textContent).not.toContain('Begin with one of')
    type(container, 'Passphrase of target 1', 'seven bicycles')
    type(container, 'Target 2 of the main stream', 'srt://192.0.2.31:9000?latency=50')
    type(container, 'Address of the small picture', 'rtsp://192.0.2.7/sub')
    press(container, 'Bring the small picture to somebody')
    type(container, 'Target 1 of the small picture', 'srt://192.0.2.32:9000')
    submit(container)
    await vi.waitFor(() => {
      expect(server.last('POST /cameras')?.body).toMatchObject({
        push: ['srt://192.0.2.30:9000', 'srt://192.0.2.31:9000?latency=50'],
        sub_push: ['srt://192.0.2.32:9000'],
        push_passphrases: { 'srt://192.0.2.30:9000': 'seven bicycles' },
      })
    })
  })

  it('are at most eight of a stream, and those of a small picture go with it', async () => {
    const addresses = [1, 2, 3, 4, 5, 6, 7, 8].map((last) => `srt://192.0.2.3${last}:9000`)
    server.answers['GET /cameras/c1'] = { ...camera, sub_url: 'rtsp://192.0.2.7/sub', push: addresses, sub_push: addresses.slice(0, 1) }
    server.answers['PATCH /cameras/c1'] = camera
    const { container } = show(() => <CameraScreen id="c1" />, { server })
    await text(container, 'Target 8 of the main stream')
    expect(container.textContent).not.toContain('Bring the main stream to somebody')
    type(container, 'Passphrase of target 1 of the small picture', 'seven bicycles')
    type(container, 'Address of the small picture', '')
    expect(container.textContent).not.toContain('Target 1 of the small picture')
    submit(container)
    await vi.waitFor(() => {
      expect(server.last('PATCH /cameras/c1')?.body).toMatchObject({ push: addresses, sub_url: null, sub_push: [] })
    })
    expect(server.last('PATCH /cameras/c1')?.body).not.toHaveProperty('push_passphrases')
  })

  it('keeps a passphrase that is not typed, and is let go', async () => {
    server.answers['GET /cameras/c1'] = { ...camera, push: ['srt://192.0.2.30:9000', 'srt://192.0.2.31:9000'], has_push_passphrases: true }
    server.answers['PATCH /cameras/c1'] = camera
    const { container } = show(() => <CameraScreen id="c1" />, { server })
    await text(container, 'If one is kept, it stays')
    expect(control(container, 'Passphrase of target 1').value).toBe('')
    type(container, 'Target 2 of the main stream', 'srt://192.0.2.33:9000')
    press(container, 'Delete')
    expect(control(container, 'Target 1 of the main stream').value).toBe('srt://192.0.2.33:9000')
    expect(container.textContent).not.toContain('If one is kept')
    submit(container)
    await vi.waitFor(() => {
      expect(server.last('PATCH /cameras/c1')?.body).toMatchObject({ push: ['srt://192.0.2.33:9000'], sub_push: [] })
    })
    expect(server.last('PATCH /cameras/c1')?.body).not.toHaveProperty('push_passphrases')
  })

  it('is told with where each stands and why, again and again', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const told = (...push: readonly PushStatus[]) => ({ ...status, streams: [{ camera: 'c1', stream: 'main', push }] })
    server.answers['GET /cameras/c1'] = { ...camera, push: ['srt://192.0.2.30:9000?streamid=a', 'srt://192.0.2.31:9000'] }
    server.answers['GET /cameras/c1/status'] = told(
      { target: '192.0.2.30:9000', state: 'backing_off', reason: { code: 'timeout', values: {} } },
      // The list of before is still in force.
      { target: '192.0.2.99:9000', state: 'live', reason: null },
    )
    const { container } = show(() => <CameraScreen id="c1" />, { server })
    const lines = () => [...container.querySelectorAll('.addresses li')].map((line) => line.textContent)
    await vi.waitFor(() => {
      expect(lines()).toEqual([
        'main rtsp://192.0.2.7/main',
        'main brought to srt://192.0.2.30:9000?streamid=a Offline It does not answer',
        'main brought to srt://192.0.2.31:9000',
      ])
    })
    server.answers['GET /cameras/c1/status'] = told(
      { target: '192.0.2.30:9000', state: 'live', reason: null },
      { target: '192.0.2.31:9000', state: 'off', reason: { code: 'masked', values: {} } },
    )
    vi.advanceTimersByTime(5_000)
    await vi.waitFor(() => {
      expect(lines().slice(1)).toEqual([
        'main brought to srt://192.0.2.30:9000?streamid=a Live',
        'main brought to srt://192.0.2.31:9000 Off Its picture has masks, which nobody draws yet',
      ])
    })
  })
})

describe('a camera', () => {
  it('tells which of its addresses plays', async () => {
    server.answers['GET /cameras/c1'] = { ...camera, backup_url: 'srt://192.0.2.8:9000' }
    server.answers['GET /cameras/c1/status'] = { ...status, streams: [{ camera: 'c1', stream: 'main', backup: true }] }
    const { container } = show(() => <CameraScreen id="c1" />, { server })
    await text(container, 'srt://192.0.2.8:9000')
    await text(container, 'plays now')
    cleanup()
    server.answers['GET /cameras/c1/status'] = { ...status, streams: [{ camera: 'c1', stream: 'main', backup: false }] }
    const again = show(() => <CameraScreen id="c1" />, { server })
    await text(again.container, 'srt://192.0.2.8:9000')
    expect(again.container.textContent).not.toContain('plays now')
  })

  it('that calls leads to the keys for its encoder', async () => {
    server.answers['GET /cameras/c1'] = {
      ...camera,
      url: 'publish:',
      streams: { main: 'publish:' },
      status: { state: 'offline', reason: { code: 'no_publisher', values: {} }, since_us: 1 },
    }
    server.answers['PATCH /cameras/c1'] = camera
    const { container } = show(() => <CameraScreen id="c1" />, { server })
    await text(container, 'Waiting for the camera to call')
    expect(container.querySelector('main a[href="/account"]')?.textContent).toBe('Stream keys')
    expect(container.querySelector('.addresses')?.textContent).toContain('The camera calls us')
    submit(container)
    await vi.waitFor(() => {
      expect(server.last('PATCH /cameras/c1')?.body).toMatchObject({ url: 'publish:', sub_url: null })
    })
  })

  it('is changed without its password, which is never shown', async () => {
    server.answers['PATCH /cameras/c1'] = { ...camera, version: 4 }
    const { container } = show(() => <CameraScreen id="c1" />, { server })
    await text(container, 'One is kept')
    expect(control(container, 'Password').value).toBe('')
    expect(container.textContent).toContain('(0.5, 0.5)')
    type(container, 'Address of the small picture', 'rtsp://192.0.2.7/sub')
    control(container, 'Switched onA camera that is switched off is not called.').click()
    submit(container)
    await vi.waitFor(() => {
      expect(server.last('PATCH /cameras/c1')?.body).toMatchObject({ sub_url: 'rtsp://192.0.2.7/sub', enabled: false })
    })
    expect(server.last('PATCH /cameras/c1')?.body).not.toHaveProperty('password')
    expect(server.last('PATCH /cameras/c1')?.headers.get('If-Match')).toBe('"3"')
  })

  it('is deleted', async () => {
    server.answers['DELETE /cameras/c1'] = null
    const { container, app } = show(() => <CameraScreen id="c1" />, { server })
    await text(container, 'Delete the camera')
    press(container, 'Delete the camera')
    container.querySelector<HTMLButtonElement>('dialog button')?.click()
    await vi.waitFor(() => {
      expect(app.router.path()).toBe('/cameras')
    })
  })

  it('can only be read by who may not more', async () => {
    const me = somebody({ home: 'sp', allowed: [{ scope: 'city:sp', functions: ['camera.read'] }] })
    const { container } = show(() => <CameraScreen id="c1" />, { server, state: { kind: 'in', me } })
    await text(container, 'One is kept')
    expect(container.querySelector<HTMLButtonElement>('button[type=submit]')?.disabled).toBe(true)
    expect(container.textContent).not.toContain('Delete the camera')
  })
})

describe('the import', () => {
  const report = {
    dry_run: true,
    created: 1,
    updated: 0,
    unchanged: 0,
    failed: 1,
    rows: [
      { line: 2, outcome: 'created', id: null, name: 'Gate', code: null, message: null, values: {} },
      { line: 3, outcome: 'failed', id: null, name: null, code: 'import_twice', message: 'x', values: { line: 2 } },
    ],
  }

  it('tells first what would become of a file, then does it', async () => {
    server.answers['POST /cameras/import.csv'] = ({ path }: { path: string }) => ({
      ...report,
      dry_run: path.includes('dry_run=true'),
    })
    const { container } = show(() => <ImportScreen />, { server })
    const input = control(container, 'File')
    const file = new File(['name,url\r\nGate,rtsp://192.0.2.7/'], 'cameras.csv')
    Object.defineProperty(input, 'files', { value: [file] })
    input.dispatchEvent(new Event('change', { bubbles: true }))
    await vi.waitFor(() => {
      expect(container.querySelector<HTMLButtonElement>('button[type=submit]')?.disabled).toBe(false)
    })
    submit(container)
    await text(container, 'It would create 1')
    expect(container.textContent).toContain('Line 2 is about the same camera.')
    expect(server.asked.at(-1)).toMatchObject({ path: '/cameras/import.csv?city=sp&dry_run=true' })
    press(container, 'Import it')
    await text(container, 'Created 1')
    expect(server.asked.at(-1)).toMatchObject({ path: '/cameras/import.csv?city=sp&dry_run=false' })
    expect(server.asked.at(-1)?.headers.get('Content-Type')).toBe('text/csv')
  })
})

describe('the history of a camera', () => {
  const outage = { from_us: 1_700_000_000_000_000, to_us: 1_700_000_090_000_000, reasons: [{ code: 'timeout', values: {} }] }
  const uptime = {
    from_us: 0,
    to_us: 86_400_000_000,
    percent: 99.999,
    online_us: 86_310_000_000,
    offline_us: 90_000_000,
    off_us: 0,
    unknown_us: 3_600_000_000,
    outages: [outage],
    outages_total: 1,
    unknown: [{ from_us: 0, to_us: 3_600_000_000, state: 'unknown', reason: null }],
  }

  beforeEach(() => {
    server.answers['GET /cameras/c1/uptime'] = uptime
    server.answers['GET /cameras/c1/history'] = page({ at_us: 1_700_000_000_000_000, state: 'offline', reason: { code: 'wrong_password', values: {} } })
  })

  it('tells how long it was online, every outage and every change with its reason', async () => {
    const { container } = show(() => <HistoryScreen id="c1" />, { server })
    await text(container, 'Gate: history and uptime')
    await text(container, '99.99 %')
    await text(container, '1m 30s')
    await text(container, 'The camera did not answer in time')
    await text(container, 'Unknown times')
    await text(container, 'The camera refused the user name or the password')
    await choose(container, 'Stream', 'sub')
    await vi.waitFor(() => {
      expect(server.last('GET /cameras/c1/history')?.path).toContain('stream=sub')
    })
    await choose(container, 'Period', '30')
    await vi.waitFor(() => {
      const from = new URLSearchParams(server.last('GET /cameras/c1/uptime')?.path.split('?')[1]).get('from_us')
      expect(Date.now() - Number(from) / 1000).toBeGreaterThanOrEqual(30 * 86_400_000)
    })
  })

  it('says so where nothing is known, and why it cannot be told', async () => {
    server.answers['GET /cameras/c1/uptime'] = { ...uptime, percent: null, outages: [], outages_total: 0, unknown: [] }
    server.answers['GET /cameras/c1/history'] = page()
    const { container } = show(() => <HistoryScreen id="c1" />, { server })
    await text(container, 'Nothing is known')
    await text(container, 'None in this time.')
    await text(container, 'Nothing is known yet.')
    server.answers['GET /cameras/c1/uptime'] = refusal(503, 'database_unavailable')
    await choose(container, 'Period', '365')
    await text(container, 'The database does not answer')
  })
})
