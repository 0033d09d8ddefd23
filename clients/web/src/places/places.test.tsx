import { cleanup } from '@solidjs/testing-library'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { fakeServer, page, press, refusal, show, submit, type, type FakeServer } from '../ui/testing'
import { Places } from './Places'

let server: FakeServer
const site = { id: 's1', name: 'Town hall', address: 'Main Square 1', latitude: -23.5, longitude: -46.6, version: 1 }
const group = { id: 'g1', name: 'Entrances', version: 2 }

beforeEach(() => {
  HTMLDialogElement.prototype.showModal = vi.fn()
  server = fakeServer({
    'GET /cities': page({ id: 'sp', name: 'São Pedro' }),
    'GET /cities/sp/sites': page(site),
    'GET /cities/sp/groups': page(group),
    'POST /cities/sp/sites': site,
    'PUT /cities/sp/sites/s1': site,
    'DELETE /cities/sp/sites/s1': null,
    'POST /cities/sp/groups': group,
    'PUT /cities/sp/groups/g1': refusal(412, 'version_conflict'),
    'DELETE /cities/sp/groups/g1': null,
  })
})

afterEach(cleanup)

async function open(): Promise<HTMLElement> {
  const { container } = show(() => <Places />, { server })
  await vi.waitFor(() => {
    expect(container.textContent).toContain('Town hall')
    expect(container.textContent).toContain('Entrances')
  })
  return container
}

const sent = (key: string) =>
  vi.waitFor(() => {
    const found = server.last(key)
    expect(found, key).toBeDefined()
    return found
  })

function inDialog(container: HTMLElement, label: string): void {
  const buttons = [...container.querySelectorAll<HTMLElement>('dialog button')]
  buttons.find((button) => button.textContent === label)?.click()
}

const pressAt = (container: HTMLElement, label: string, at: number) => {
  const buttons = [...container.querySelectorAll('button')].filter((button) => button.textContent === label)
  buttons[at]?.click()
}

it('makes a site', async () => {
  const container = await open()
  press(container, 'New site')
  type(container, 'Name', 'School')
  type(container, 'Address', 'Side Street 2')
  submit(container)
  const request = await sent('POST /cities/sp/sites')
  expect(request?.body).toEqual({ name: 'School', address: 'Side Street 2', latitude: null, longitude: null })
  await vi.waitFor(() => {
    expect(container.querySelector('dialog')).toBeNull()
  })
})

it('changes and deletes a site', async () => {
  const container = await open()
  pressAt(container, 'Change', 0)
  type(container, 'Latitude', '-22')
  submit(container)
  const request = await sent('PUT /cities/sp/sites/s1')
  expect(request?.body).toMatchObject({ name: 'Town hall', latitude: -22, longitude: -46.6 })
  await vi.waitFor(() => {
    expect(container.querySelector('dialog')).toBeNull()
  })
  pressAt(container, 'Delete', 0)
  inDialog(container, 'Delete')
  await sent('DELETE /cities/sp/sites/s1')
})

it('makes, changes and deletes a group of cameras', async () => {
  const container = await open()
  press(container, 'New camera group')
  type(container, 'Name', 'Parks')
  submit(container)
  expect((await sent('POST /cities/sp/groups'))?.body).toEqual({ name: 'Parks' })
  await vi.waitFor(() => {
    expect(container.querySelector('dialog')).toBeNull()
  })
  pressAt(container, 'Change', 1)
  type(container, 'Name', 'Gates')
  submit(container)
  await vi.waitFor(() => {
    expect(container.textContent).toContain('Somebody else has changed this')
  })
  press(container, 'Show the newest')
  pressAt(container, 'Delete', 1)
  inDialog(container, 'Delete')
  await sent('DELETE /cities/sp/groups/g1')
})
