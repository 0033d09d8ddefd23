import { cleanup } from '@solidjs/testing-library'
import axe from 'axe-core'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Case, CaseStill, Hold } from '../api/recording'
import { control, fakeServer, page, press, refusal, show, somebody, type, type FakeServer } from '../ui/testing'
import { Cases } from './Cases'
import { CaseScreen } from './CaseScreen'

const AT = Date.parse('2026-11-20T12:00:00Z') * 1000
const found: Case = { id: 'k1', city: 'sp', title: 'Van at the gate', number: '2026/117', text: '', state: 'open', by: 'user:u1', created_us: AT, updated_us: AT, version: 4 }
const held: Hold = { id: 'h1', city: 'sp', camera: 'c1', case: 'k1', from_us: AT, to_us: AT + 60_000_000, why: 'Asked by the court', state: 'active', by: 'user:u1', created_us: AT, released_us: null, version: 2 }
const still: CaseStill = { id: 's1', camera: 'c1', stream: 'main', at_us: AT, width: 1920, height: 1080, sha256: '', text: 'The plate', by: 'user:u1', created_us: AT }
let server: FakeServer
let container: HTMLElement

const text = (wanted: string) =>
  vi.waitFor(() => {
    expect(container.textContent).toContain(wanted)
  })
/** Sends the form with this button. */
const send = (label: string) => {
  const button = [...container.querySelectorAll<HTMLButtonElement>('button[type=submit]')].find((one) => one.textContent === label)
  if (button === undefined) throw new Error(`there is no form to ${label}`)
  button.closest('form')?.dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }))
}

function open(list = false, functions: readonly string[] = ['recording.hold', 'clip.export', 'playback.view', 'camera.read']) {
  const me = somebody({ home: 'sp', allowed: [{ scope: 'city:sp', functions }] })
  const shown = show(() => (list ? <Cases /> : <CaseScreen id="k1" />), { server, state: { kind: 'in', me } })
  container = shown.container
  return shown
}

beforeEach(() => {
  vi.stubGlobal('scrollTo', () => undefined)
  HTMLDialogElement.prototype.showModal = vi.fn(function (this: HTMLDialogElement) {
    this.open = true
  })
  server = fakeServer({
    'GET /cameras': page({ id: 'c1', name: 'Gate', city: 'sp', groups: [] }),
    'GET /cases': page(found),
    'GET /cases/k1': found,
    'GET /cases/k1/notes': { items: [{ id: 'n1', text: 'The plate is readable.', by: 'user:u1', at_us: AT }] },
    'GET /cases/k1/stills': { items: [still] },
    'GET /timelines': { items: [{ camera: 'c1', time_zone: 'America/Noronha' }] },
    'GET /holds': page(held, { ...held, id: 'h2', camera: 'c9', state: 'released' }),
    'GET /clips': page(),
    'GET /exports': page(),
  })
})

afterEach(() => {
  cleanup()
  vi.unstubAllGlobals()
})

describe('the cases', () => {
  it('are listed by state, the open ones first', async () => {
    open(true)
    await text('2026/117')
    expect(server.last('GET /cases')?.path).toContain('state=open')
    expect(container.querySelector('td a')?.getAttribute('href')).toBe('/cases/k1')
    const state = control(container, 'State') as unknown as HTMLSelectElement
    state.value = ''
    state.dispatchEvent(new Event('change', { bubbles: true }))
    await vi.waitFor(() => {
      expect(server.last('GET /cases')?.path).not.toContain('state')
    })
  })

  it('are opened with a title, and then worked on', async () => {
    server.answers['POST /cases'] = { ...found, id: 'k2' }
    const { app } = open(true)
    await text('2026/117')
    press(container, 'New case')
    type(container, 'Title', 'Fire')
    type(container, 'Number', '12')
    send('Create')
    await vi.waitFor(() => {
      expect(app.router.path()).toBe('/cases/k2')
    })
    expect(server.last('POST /cases')?.body).toEqual({ title: 'Fire', number: '12', text: '', city: 'sp' })
  })
})

describe('a case', () => {
  it('shows what is held, with its first picture, and lets it go with a reason', async () => {
    server.answers['POST /holds/h1/release'] = { ...held, state: 'released' }
    open()
    await text('Asked by the court')
    await text('Gate')
    // One is released: there is nothing to be seen of it for sure.
    expect(container.querySelectorAll('.stills a img')).toHaveLength(1)
    expect(container.querySelector('.stills a')?.getAttribute('href')).toBe('/playback?cameras=c1&at=2026-11-20T12:00:00.000Z')
    press(container, 'Release…')
    type(container, 'Reason', 'The case is closed')
    send('Release the hold')
    await vi.waitFor(() => {
      expect(server.last('POST /holds/h1/release')).toMatchObject({ body: { why: 'The case is closed' } })
      expect(container.querySelector('dialog')).toBeNull()
    })
    expect(server.last('POST /holds/h1/release')?.headers.get('If-Match')).toBe('"2"')
  })

  it('is changed, closed and opened again', async () => {
    server.answers['PATCH /cases/k1'] = (asked: { body: unknown }) => ({ ...found, ...(asked.body as object), version: 5 })
    open()
    await text('Details')
    type(container, 'What it is about', 'A white van')
    send('Save')
    await vi.waitFor(() => {
      expect(server.last('PATCH /cases/k1')?.body).toEqual({ title: 'Van at the gate', number: '2026/117', text: 'A white van' })
    })
    press(container, 'Close the case')
    await text('A closed case keeps its holds')
    ;[...container.querySelectorAll<HTMLButtonElement>('dialog button')].find((one) => one.textContent === 'Close the case')?.click()
    await text('Open again')
    expect(server.last('PATCH /cases/k1')?.body).toEqual({ state: 'closed' })
  })

  it('is noted on, and a note stays', async () => {
    server.answers['POST /cases/k1/notes'] = { id: 'n2', text: 'Seen again', by: 'user:u1', at_us: AT }
    open()
    await text('The plate is readable.')
    type(container, 'Note', 'Seen again')
    send('Add the note')
    await vi.waitFor(() => {
      expect(server.last('POST /cases/k1/notes')?.body).toEqual({ text: 'Seen again' })
      expect(control(container, 'Note').value).toBe('')
    })
  })

  it('shows the pictures that it keeps, on the clock of the city, and saves them', async () => {
    server.answers['GET /cases/k1/stills/s1'] = () => new Response('jpeg', { headers: { 'Vms-At': String(AT) } })
    const saved: string[] = []
    vi.spyOn(URL, 'createObjectURL').mockReturnValue('blob:x')
    vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (this: HTMLAnchorElement) {
      saved.push(this.download)
    })
    open()
    await text('Gate · 11/20/26, 10:00:00 AM GMT-2')
    expect(server.last('GET /timelines')?.path).toContain('cameras=c1')
    const thumbnail = container.querySelector<HTMLImageElement>('.still img')
    expect(thumbnail?.getAttribute('src')).toBe('/api/v1/cases/k1/stills/s1')
    expect(thumbnail?.getAttribute('loading')).toBe('lazy')
    expect(thumbnail?.closest('li')?.textContent).toContain('The plateAna')
    thumbnail?.click()
    const large = container.querySelector('dialog img')
    expect([large?.getAttribute('src'), large?.getAttribute('width')]).toEqual(['/api/v1/cases/k1/stills/s1', '1920'])
    press(container, 'Download')
    await vi.waitFor(() => {
      expect(saved).toEqual(['Gate_2026-11-20T12-00-00-000Z.jpg'])
    })
    server.answers['GET /cases/k1/stills/s1'] = refusal(404, 'still_file_missing')
    press(container, 'Download')
    await text('The file of this picture is gone.')
    press(container, 'Close')
    expect(container.querySelector('dialog')).toBeNull()
  })

  it('says so where it keeps none, and names the clock of the page for who may watch no camera', async () => {
    open(false, ['recording.hold', 'camera.read'])
    const zone = new Intl.DateTimeFormat('en', { timeStyle: 'long' }).resolvedOptions().timeZone
    await text(new Intl.DateTimeFormat('en', { dateStyle: 'short', timeStyle: 'long', timeZone: zone }).format(AT / 1000))
    expect(server.last('GET /timelines')).toBeUndefined()
    cleanup()
    server.answers['GET /cases/k1/stills'] = { items: [] }
    open()
    await text('No stills.')
  })

  it('becomes one file, whose password is long enough', async () => {
    server.answers['POST /cases/k1/archive'] = refusal(403, 'permission_missing')
    open()
    await text('No clips.')
    expect(server.last('GET /clips')?.path).toContain('case=k1')
    press(container, 'Make the archive…')
    type(container, 'Reason', 'To the court')
    type(container, 'Password of the file', 'short')
    expect([...container.querySelectorAll<HTMLButtonElement>('dialog button[type=submit]')].every((one) => one.disabled)).toBe(true)
    type(container, 'Password of the file', 'long enough')
    send('Start')
    await text('You may not do that.')
    server.answers['POST /cases/k1/archive'] = { id: 'e1' }
    send('Start')
    await vi.waitFor(() => {
      expect(server.last('POST /cases/k1/archive')?.body).toEqual({ why: 'To the court', password: 'long enough' })
      expect(container.querySelector('dialog')).toBeNull()
    })
  })

  it('offers nothing to take away to who may not, and says what is not there', async () => {
    server.answers['GET /holds'] = page()
    server.answers['GET /cases/k1/notes'] = { items: [] }
    open(false, ['recording.hold'])
    await text('Nothing is held.')
    await text('Nothing is noted.')
    for (const missing of ['Make the archive…', 'Clips']) expect(container.textContent).not.toContain(missing)
    expect(server.last('GET /clips')).toBeUndefined()
  })

  it('that is not there is told', async () => {
    server.answers['GET /cases/k1'] = refusal(404, 'case_unknown')
    open()
    await vi.waitFor(() => {
      expect(container.querySelector('.refusal')).not.toBeNull()
    })
  })

  it('has no faults that axe finds', async () => {
    open()
    await text('Asked by the court')
    const { violations } = await axe.run(container, { rules: { 'color-contrast': { enabled: false } } })
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join()}`)).toEqual([])
  })
})
