import { cleanup } from '@solidjs/testing-library'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { control, fakeServer, page, show, submit, type, type FakeServer } from '../ui/testing'
import { Roles } from './Roles'
import { RoleScreen } from './RoleScreen'

let server: FakeServer
const shipped = { id: 'gestor', home: '', name: 'gestor', functions: ['live.view'], shipped: true, version: 1 }
const own = { id: 'r1', home: 'sp', name: 'Gate', functions: ['live.view', 'camera.read'], shipped: false, version: 2 }

beforeEach(() => {
  vi.stubGlobal('scrollTo', () => undefined)
  HTMLDialogElement.prototype.showModal = vi.fn()
  server = fakeServer({
    'GET /cities': page(),
    'GET /roles': page(shipped, own, { ...own, id: 'r2', home: '', name: 'Desk' }),
    'GET /roles/gestor': shipped,
    'GET /roles/r1': own,
    'POST /roles': own,
    'PUT /roles/r1': { ...own, version: 3 },
    'DELETE /roles/r1': null,
  })
})

afterEach(() => {
  cleanup()
  vi.unstubAllGlobals()
})

it('lists shipped roles and those of cities', async () => {
  const { container } = show(() => <Roles />, { server })
  await vi.waitFor(() => {
    expect(container.textContent).toContain('Gate')
  })
  expect(container.textContent).toContain('Shipped')
  expect(container.textContent).toContain('the platform')
})

describe('a role', () => {
  it('is made of functions that one holds oneself', async () => {
    const { container, app } = show(() => <RoleScreen />, { server })
    type(container, 'Name', 'Gate')
    control(container, 'Watch livelive.view').click()
    expect(control(container, 'Hearaudio.listen').disabled).toBe(true)
    submit(container)
    await vi.waitFor(() => {
      expect(app.router.path()).toBe('/roles/r1')
    })
    expect(server.last('POST /roles')?.body).toEqual({ name: 'Gate', functions: ['live.view'], home: '' })
  })

  it('is changed and deleted', async () => {
    const { container, app } = show(() => <RoleScreen id="r1" />, { server })
    await vi.waitFor(() => {
      control(container, 'See the list of camerascamera.read').click()
    })
    const before = container.querySelector('form')
    submit(container)
    await vi.waitFor(() => {
      expect(container.querySelector('form')).not.toBe(before)
    })
    expect(server.last('PUT /roles/r1')?.body).toEqual({ name: 'Gate', functions: ['live.view'], home: 'sp' })
    await vi.waitFor(() => {
      const button = [...container.querySelectorAll('button')].find((one) => one.textContent === 'Delete the role')
      button?.click()
      expect(container.querySelector('dialog')).not.toBeNull()
    })
    container.querySelector<HTMLButtonElement>('dialog button')?.click()
    await vi.waitFor(() => {
      expect(app.router.path()).toBe('/roles')
    })
    expect(server.last('DELETE /roles/r1')?.headers.get('If-Match')).toBe('"3"')
  })

  it('that is shipped can only be read', async () => {
    const { container } = show(() => <RoleScreen id="gestor" />, { server })
    await vi.waitFor(() => {
      expect(container.textContent).toContain('cannot be changed')
    })
    expect(control(container, 'Watch livelive.view')).toMatchObject({ checked: true, disabled: true })
    expect(container.querySelector<HTMLButtonElement>('button[type=submit]')?.disabled).toBe(true)
  })
})
