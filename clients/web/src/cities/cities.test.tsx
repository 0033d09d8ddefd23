import { cleanup } from '@solidjs/testing-library'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { City } from '../api/cities'
import { fakeServer, page, press, show, submit, type, type FakeServer } from '../ui/testing'
import { Cities } from './Cities'
import { CityScreen } from './CityScreen'
import { Plans } from './Plans'
import { PlanScreen } from './PlanScreen'

let server: FakeServer
const city: City = {
  id: 'sp',
  name: 'São Pedro',
  plan: 'small',
  cnpj: '11222333000181',
  time_zone: 'America/Sao_Paulo',
  language: 'pt',
  overrides: { cameras: 80, users: null },
  state: 'active',
  version: 2,
}
const plan = { id: 'small', name: 'Small', limits: { cameras: 50 }, version: 1 }

beforeEach(() => {
  vi.stubGlobal('scrollTo', () => undefined)
  HTMLDialogElement.prototype.showModal = vi.fn()
  server = fakeServer({
    'GET /cities': page(city, { ...city, id: 'x', name: 'Outra', cnpj: null, state: 'suspended' }),
    'GET /cities/sp': city,
    'GET /cities/sp/usage': {
      items: [
        { quota: 'cameras', limit: 80, used: 41 },
        { quota: 'users', limit: null, used: 3 },
        { quota: 'clips', limit: 10, used: null },
        { quota: 'streams', limit: null, used: null },
      ],
    },
    'GET /plans': page(plan),
    'GET /plans/small': plan,
  })
})

afterEach(() => {
  cleanup()
  vi.unstubAllGlobals()
})

const text = (container: HTMLElement, wanted: string) =>
  vi.waitFor(() => {
    expect(container.textContent).toContain(wanted)
  })

async function confirm(container: HTMLElement, label: string): Promise<void> {
  press(container, label)
  await vi.waitFor(() => {
    container.querySelector<HTMLButtonElement>('dialog button')?.click()
  })
}

describe('cities', () => {
  it('are listed and searched', async () => {
    const { container } = show(() => <Cities />, { server })
    await text(container, '11.222.333/0001-81')
    expect(container.textContent).toContain('Suspended')
    type(container, 'Search', 'pedro')
    await vi.waitFor(() => {
      expect(server.asked.at(-1)?.path).toBe('/cities?text=pedro')
    })
  })

  it('are made once the CNPJ can be', async () => {
    server.answers['POST /cities'] = city
    const { container, app } = show(() => <CityScreen />, { server })
    const button = () => container.querySelector<HTMLButtonElement>('button[type=submit]')
    type(container, 'Id', 'sp')
    type(container, 'Name', 'São Pedro')
    type(container, 'CNPJ', '11222333000180')
    expect(container.textContent).toContain('check its digits')
    expect(button()?.disabled).toBe(true)
    type(container, 'CNPJ', '11222333000181')
    expect(container.textContent).toContain('The check digits fit')
    type(container, 'Cameras', '80')
    await vi.waitFor(() => {
      submit(container)
      expect(app.router.path()).toBe('/cities/sp')
    })
    expect(server.last('POST /cities')?.body).toMatchObject({
      id: 'sp',
      cnpj: '11222333000181',
      plan: 'small',
      overrides: { cameras: 80 },
    })
  })

  it('show how much is used, and are changed, suspended, resumed and deleted', async () => {
    const suspended = { ...city, state: 'suspended', version: 4 }
    Object.assign(server.answers, {
      'PUT /cities/sp': { ...city, version: 3 },
      'POST /cities/sp/suspend': suspended,
      'POST /cities/sp/resume': { ...city, version: 5 },
      'DELETE /cities/sp': null,
    })
    const { container, app } = show(() => <CityScreen id="sp" />, { server })
    await text(container, '41 of 80')
    expect(container.textContent).toContain('3, no limit')
    expect(container.textContent).toContain('at most 10')
    expect(container.querySelectorAll('meter')).toHaveLength(1)
    const before = container.querySelector('form')
    submit(container)
    await vi.waitFor(() => {
      expect(container.querySelector('form')).not.toBe(before)
    })
    expect(server.last('PUT /cities/sp')?.headers.get('If-Match')).toBe('"2"')
    await confirm(container, 'Suspend')
    await text(container, 'ResumeDelete the city')
    expect(server.last('POST /cities/sp/suspend')?.headers.get('If-Match')).toBe('"3"')
    await confirm(container, 'Resume')
    await text(container, 'SuspendDelete the city')
    await confirm(container, 'Delete the city')
    await vi.waitFor(() => {
      expect(app.router.path()).toBe('/cities')
    })
  })
})

describe('plans', () => {
  it('are listed', async () => {
    const { container } = show(() => <Plans />, { server })
    await text(container, '50')
    expect(container.textContent).toContain('∞')
  })

  it('are made', async () => {
    server.answers['POST /plans'] = plan
    const { container, app } = show(() => <PlanScreen />, { server })
    type(container, 'Id', 'small')
    type(container, 'Name', 'Small')
    type(container, 'Users', '20')
    submit(container)
    await vi.waitFor(() => {
      expect(app.router.path()).toBe('/cities/plans')
    })
    expect(server.last('POST /plans')?.body).toEqual({ id: 'small', name: 'Small', limits: { users: 20 } })
  })

  it('are changed and deleted', async () => {
    Object.assign(server.answers, { 'PUT /plans/small': plan, 'DELETE /plans/small': null })
    const { container } = show(() => <PlanScreen id="small" />, { server })
    await text(container, 'Delete the plan')
    type(container, 'Cameras', '')
    submit(container)
    await vi.waitFor(() => {
      expect(server.last('PUT /plans/small')?.body).toEqual({ name: 'Small', limits: {} })
    })
    await confirm(container, 'Delete the plan')
    await vi.waitFor(() => {
      expect(server.last('DELETE /plans/small')).toBeDefined()
    })
  })
})
