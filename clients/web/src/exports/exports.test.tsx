import { cleanup } from '@solidjs/testing-library'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Export } from '../api/recording'
import { Exports } from './Exports'
import { control, fakeServer, page, press, refusal, show, somebody, submit, type, type FakeServer } from '../ui/testing'

const AT = Date.parse('2026-11-20T12:00:00Z') * 1000
const one: Export = {
  id: 'e1', city: 'sp', kind: 'export', name: '', why: 'Theft', container: 'mkv', audio: false, locked: false, state: 'completed', done_bytes: 4, total_bytes: 4,
  parts: [{ camera: 'c1', from_us: AT, to_us: AT + 60_000_000, streams: ['main'] }, { camera: 'c9', from_us: AT, to_us: AT, streams: ['main'] }],
  timelapse: null, error: null, gaps: [], file: 'theft.zip', bytes: 81e6, sha256: 'x', case: null, reason: null, by: 'u1', created_us: AT, expires_us: AT, version: 1,
}
let server: FakeServer
let container: HTMLElement

const text = (wanted: string) =>
  vi.waitFor(() => {
    expect(container.textContent).toContain(wanted)
  })

function open(): void {
  const me = somebody({ allowed: [{ scope: 'platform', functions: ['clip.export', 'camera.read'] }] })
  container = show(() => <Exports />, { server, state: { kind: 'in', me } }).container
}

beforeEach(() => {
  HTMLDialogElement.prototype.showModal = vi.fn(function (this: HTMLDialogElement) {
    this.open = true
  })
  server = fakeServer({ 'GET /cameras': page({ id: 'c1', name: 'Gate' }), 'GET /exports': page(one), 'GET /clips': page() })
})

afterEach(() => {
  cleanup()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

describe('what was taken away', () => {
  it('is told with cameras, times and what is in the file', async () => {
    open()
    await text('Gate, c9 · ')
    await text('Ready · 81 MB · MKV · Until ')
    press(container, 'Clips')
    await text('There are no clips yet.')
  })

  it('is handed on by a link for a while, which is shown once', async () => {
    server.answers['POST /exports/e1/link'] = { path: '/api/v1/downloads/secret', expires_us: AT }
    open()
    await text('Theft')
    press(container, 'Link…')
    const valid = control(container, 'Good for') as unknown as HTMLSelectElement
    valid.value = '604800'
    valid.dispatchEvent(new Event('change', { bubbles: true }))
    submit(container)
    await text('/api/v1/downloads/secret')
    expect(server.last('POST /exports/e1/link')?.body).toEqual({ valid_s: 604_800 })
    press(container, 'Close')
    expect(container.querySelector('dialog')).toBeNull()
  })

  it('is asked for again after it failed, or was cancelled', async () => {
    server.answers['GET /exports'] = page({ ...one, state: 'error', error: { code: 'disk_full', values: {} } })
    server.answers['POST /exports'] = refusal(409, 'export_disk')
    open()
    await text('The disk was full')
    press(container, 'Again')
    await vi.waitFor(() => {
      expect(container.querySelector('.refusal')).not.toBeNull()
    })
    server.answers['POST /exports'] = one
    press(container, 'Again')
    await vi.waitFor(() => {
      expect(container.querySelector('.refusal')).toBeNull()
      expect(server.last('POST /exports')?.body).toEqual({ parts: one.parts, why: 'Theft', container: 'mkv', audio: false, password: null })
    })
  })

  it('is a time-lapse, which says how fast it goes, and is asked for again at that pace', async () => {
    const lapse: Export = { ...one, id: 'e2', kind: 'timelapse', container: 'mp4', name: 'c1', why: 'The site', state: 'cancelled', timelapse: { every_s: 10, length_s: null } }
    const day = { camera: 'c1', from_us: AT, to_us: AT + 86_400_000_000, streams: ['main' as const] }
    server.answers['GET /exports'] = page(lapse, { ...lapse, id: 'e3', why: 'The bridge', state: 'completed', parts: [day], timelapse: { every_s: null, length_s: 60 } })
    server.answers['POST /exports'] = lapse
    open()
    await text('Cancelled · Time-lapse, a picture every 10s · 81 MB')
    await text('Ready · Time-lapse of about 1m · 81 MB')
    expect([...container.querySelectorAll('li b')].map((name) => name.textContent)).toEqual(['The site', 'The bridge'])
    press(container, 'Again')
    await vi.waitFor(() => {
      expect(server.last('POST /exports')?.body).toMatchObject({ why: 'The site', container: 'mp4', timelapse: { every_s: 10 } })
    })
  })

  it('wants its password again, which nobody kept', async () => {
    server.answers['GET /exports'] = page({ ...one, state: 'cancelled', locked: true })
    server.answers['POST /exports'] = one
    open()
    await text('with password')
    press(container, 'Again')
    type(container, 'Password of the file', 'long enough')
    submit(container)
    await vi.waitFor(() => {
      expect(server.last('POST /exports')?.body).toMatchObject({ password: 'long enough' })
    })
  })

  it('is a clip of the library, with its case', async () => {
    server.answers['GET /clips'] = page({ ...one, kind: 'clip', name: 'Night', state: 'cancelled', case: 'k1', reason: 'incident' })
    server.answers['POST /clips'] = one
    open()
    press(container, 'Clips')
    await text('Night')
    press(container, 'Again')
    await vi.waitFor(() => {
      expect(server.last('POST /clips')?.body).toMatchObject({ camera: 'c1', name: 'Night', reason: 'incident', case: 'k1', container: 'mkv' })
    })
  })

  it('is deleted with its file', async () => {
    server.answers['DELETE /exports/e1'] = null
    open()
    await text('Theft')
    press(container, 'Delete')
    await text('Delete Theft, its file and the links to it?')
    container.querySelector<HTMLButtonElement>('dialog .button.danger')?.click()
    await vi.waitFor(() => {
      expect(server.last('DELETE /exports/e1')).toBeDefined()
    })
  })

  it('is followed while it is made, and a dialog stays open meanwhile', async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true })
    server.answers['GET /exports'] = page(one, { ...one, id: 'e2', why: 'Fire', state: 'processing', done_bytes: 1 })
    open()
    await text('In progress · 25 %')
    press(container, 'Link…')
    server.answers['GET /exports'] = page(one, { ...one, id: 'e2', why: 'Fire', state: 'processing', done_bytes: 3 })
    await vi.advanceTimersByTimeAsync(2100)
    await text('In progress · 75 %')
    expect(container.querySelector('dialog')).not.toBeNull()
  })
})
