import { cleanup } from '@solidjs/testing-library'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { fakeServer, page, press, refusal, show, submit, type, type FakeServer } from '../ui/testing'
import { Audit } from './Audit'

let server: FakeServer
const line = {
  id: 'l1',
  city: 'sp',
  number: 41,
  time_us: 1_700_000_000_000_000,
  actor: 'user:u1',
  name: 'Ana',
  login: 'ana',
  action: 'camera.update',
  object: 'camera:gate',
  outcome: 'ok',
  address: '192.0.2.7',
  details: { fields: ['name'], note: 'x' },
}
const report = { city: 'platform', intact: true, lines: 41, seals: 7, waiting: 0, signer_known: true, faults: [], fault_count: 0 }

beforeEach(() => {
  server = fakeServer({
    'GET /cities': page({ id: 'sp', name: 'São Pedro' }),
    'GET /audit': page(line, { ...line, id: 'l2', name: null, login: null, outcome: 'denied' }, { ...line, id: 'l3', outcome: 'odd' }),
    'GET /audit/verify': report,
  })
})

afterEach(cleanup)

const text = (container: HTMLElement, wanted: string) =>
  vi.waitFor(() => {
    expect(container.textContent).toContain(wanted)
  })

describe('the audit', () => {
  it('shows lines, also of who was erased', async () => {
    const { container } = show(() => <Audit />, { server })
    await text(container, 'fields: ["name"], note: x')
    expect(container.textContent).toContain('user:u1')
    expect(container.textContent).toContain('Refused')
    expect(container.textContent).toContain('odd')
  })

  it('is searched when the button is pressed, not at each letter', async () => {
    const { container } = show(() => <Audit />, { server })
    await text(container, 'Ana')
    const before = server.asked.length
    type(container, 'Who', 'user:*')
    type(container, 'What', 'camera.*')
    type(container, 'From', '2026-01-01T00:00')
    expect(server.asked).toHaveLength(before)
    submit(container)
    const from = new Date('2026-01-01T00:00').getTime() * 1000
    await vi.waitFor(() => {
      expect(server.asked.at(-1)?.path).toBe(`/audit?actor=user%3A*&action=camera.*&from_us=${from}`)
    })
  })

  it('is verified, and says where it is broken', async () => {
    const { container } = show(() => <Audit />, { server })
    press(container, 'Verify the chain of platform')
    await text(container, 'is intact: 41 lines')
    server.answers['GET /audit/verify'] = {
      ...report,
      intact: false,
      signer_known: false,
      fault_count: 2,
      faults: [
        { kind: 'line_changed', first: 3, last: 3, about: '' },
        { kind: 'line_missing', first: 5, last: 7, about: 'x' },
      ],
    }
    press(container, 'Verify the chain of platform')
    await text(container, 'line_missing 5–7')
    expect(container.textContent).toContain('not of this installation')
    server.answers['GET /audit/verify'] = refusal(403, 'permission_missing')
    press(container, 'Verify the chain of platform')
    await text(container, 'You may not do that.')
  })

  it('is exported as a table and as a chain', async () => {
    server.answers['GET /audit/export.csv'] = new Response('time')
    server.answers['GET /audit/export.jsonl'] = new Response('{}')
    const made = vi.spyOn(URL, 'createObjectURL').mockReturnValue('blob:x')
    const { container } = show(() => <Audit />, { server })
    press(container, 'Export the table')
    press(container, 'Export the chain')
    await vi.waitFor(() => {
      expect(made).toHaveBeenCalledTimes(2)
    })
    expect(server.last('GET /audit/export.jsonl')?.path).toBe('/audit/export.jsonl?city=platform')
    made.mockRestore()
  })
})
