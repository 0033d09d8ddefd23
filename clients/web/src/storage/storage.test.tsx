import { cleanup } from '@solidjs/testing-library'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { fakeServer, press, refusal, show, somebody } from '../ui/testing'
import { Storage } from './Storage'

afterEach(() => {
  cleanup()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

const SIGNED_IN = { kind: 'in', me: somebody({ allowed: [{ scope: 'platform', functions: ['system.read', 'camera.read', 'clip.export'] }] }) } as const
const FINGERPRINT = '3f2a9c8e57d14b60'.repeat(4)
const PEM = '-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n'
const volume = { name: 'disk1', path: '/srv/recordings', state: 'ok', reason: null, bytes: 3.2e12, free: 0.9e12, commit_ms: 7, queue_bytes: 0, rate: 5e6 }

describe('storage', () => {
  it('tells what is full and for how long the room lasts', async () => {
    const server = fakeServer({
      'GET /recording/volumes': { items: [volume, { ...volume, name: 'disk2', state: 'failed', reason: 'disk_failed' }, { ...volume, name: 'disk3', rate: 0 }] },
      'GET /recording/forecast': { volumes: [{ volume: 'disk1', rate: 5e6, days: 23.41 }, { volume: 'disk2', rate: 0, days: null }, { volume: 'disk3', rate: 0, days: null }], cameras: [{ camera: 'gate', bytes: 2e11, oldest_us: null, rate: 5e5, days: 23.41 }] },
      'GET /cameras': { items: [{ id: 'gate', name: 'Gate', city: '' }], next: null },
      'GET /evidence/keys': { items: [{ key: FINGERPRINT, public: 'cHVi', fingerprint: FINGERPRINT, pem: PEM, since_us: 1, signed_by: '' }] },
    })
    const { container } = show(() => <Storage />, { server, state: SIGNED_IN })
    await vi.waitFor(() => {
      expect(container.textContent).toContain('23.4 days')
      expect(container.textContent).toContain(FINGERPRINT)
    })
    expect(container.textContent).toContain('3.2 TB recorded, 900 GB free, 40.0 Mbit/s')
    // The server forecasts for cameras that are named, and refuses to where none is.
    expect(server.last('GET /recording/forecast')?.path).toContain('cameras=gate')
    expect(container.querySelector('td a')?.textContent).toBe('Gate')
    const rows = [...container.querySelectorAll('.rows > li')].map((row) => row.textContent)
    const row = (name: string) => rows.find((text) => text.startsWith(name))
    expect(row('disk2')).toContain('The disk failed')
    // What does not work fills no more, and that is no good news.
    expect(row('disk2')).not.toContain('not filling')
    expect(row('disk3')).toContain('not filling')
    press(container, 'Look again')
    expect(server.asked.filter((one) => one.path === '/recording/volumes')).toHaveLength(2)
  })

  it('hands out each key as openssl reads it, and its fingerprint to be compared', async () => {
    const server = fakeServer({
      'GET /recording/volumes': { items: [] },
      'GET /recording/forecast': { volumes: [], cameras: [] },
      'GET /cameras': { items: [], next: null },
      'GET /evidence/keys': { items: [{ key: FINGERPRINT, public: 'cHVi', fingerprint: FINGERPRINT, pem: PEM, since_us: 1, signed_by: '' }] },
    })
    const made: Blob[] = []
    vi.spyOn(URL, 'createObjectURL').mockImplementation((blob) => `blob:${made.push(blob as Blob)}`)
    const names: string[] = []
    vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (this: HTMLAnchorElement) {
      names.push(this.download)
    })
    const writeText = vi.fn(() => Promise.resolve())
    const { container } = show(() => <Storage />, { server, state: SIGNED_IN })
    await vi.waitFor(() => {
      expect(container.querySelector('code')?.textContent).toBe(FINGERPRINT)
    })
    press(container, 'Download (PEM)')
    expect(names).toEqual(['evidence-key-3f2a9c8e57d1.pem'])
    expect(await made[0]?.text()).toBe(PEM)
    expect(made[0]?.type).toBe('application/x-pem-file')
    vi.stubGlobal('navigator', { clipboard: { writeText } })
    press(container, 'Copy')
    await vi.waitFor(() => {
      expect(container.textContent).toContain('Copied')
    })
    expect(writeText).toHaveBeenCalledWith(FINGERPRINT)
    vi.stubGlobal('navigator', {})
    press(container, 'Copy')
    await vi.waitFor(() => {
      expect(container.textContent).toContain('Selected: copy it with Ctrl+C')
    })
    expect(getSelection()?.toString()).toBe(FINGERPRINT)
  })

  it('says so where there is none, and why it cannot be told', async () => {
    const server = fakeServer({ 'GET /recording/volumes': { items: [] }, 'GET /cameras': refusal(403, 'permission_missing'), 'GET /evidence/keys': { items: [] } })
    const { container } = show(() => <Storage />, { server })
    await vi.waitFor(() => {
      expect(container.textContent).toContain('no disk is set up')
      expect(container.textContent).toContain('You may not do that.')
    })
  })
})
