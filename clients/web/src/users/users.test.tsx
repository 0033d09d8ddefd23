import { cleanup } from '@solidjs/testing-library'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Invitation } from '../api/people'
import type { Me } from '../api/session'
import { control, fakeServer, page, press, refusal, show, somebody, submit, type, type FakeServer } from '../ui/testing'
import { Invitations } from './Invitations'
import { Invite } from './Invite'
import { NewUser } from './NewUser'
import { UserGroups } from './UserGroups'
import { UserGroupScreen } from './UserGroupScreen'
import { Users } from './Users'
import { UserScreen } from './UserScreen'

let server: FakeServer
const bruno = { ...(somebody({ home: 'sp' }).user ?? {}), id: 'u2', name: 'Bruno', login: 'bruno', second_factor: true, version: 4 }
const grant = { id: 'g1', role: 'r1', scope: 'group:sp/g7', created_us: 1 }
const role = { id: 'r1', home: '', name: 'operador', functions: ['live.view'], shipped: true, version: 1 }
const group = { id: 'ug1', home: 'sp', name: 'Night shift', members: ['u2'], version: 2 }
const link: Invitation = { id: 'i1', home: 'sp', user: null, role: 'operador', scope: 'city:sp', note: 'shift', created_us: 1, expires_us: 2 }
const session = { id: 's1', user: 'u2', agent: 'Firefox', address: '192.0.2.1', second_factor: true, created_us: 1, used_us: 2, expires_us: 3, current: false }

beforeEach(() => {
  vi.stubGlobal('scrollTo', () => undefined)
  HTMLDialogElement.prototype.showModal = vi.fn()
  server = fakeServer({
    'GET /cities': page({ id: 'sp', name: 'São Pedro' }),
    'GET /cities/sp/groups': page({ id: 'g7', name: 'Entrances', version: 1 }),
    'GET /cities/sp/groups/g7': { id: 'g7', name: 'Entrances', version: 1 },
    'GET /roles': page(role),
    'GET /users': page(bruno),
    'GET /users/u2': bruno,
    'GET /users/u2/sessions': page(session, { ...session, id: 's2' }),
    'GET /users/u2/grants': page(grant),
    'GET /user-groups': page(group),
    'GET /user-groups/ug1': group,
    'GET /user-groups/ug1/grants': page(),
    'GET /invitations': page(link, { ...link, id: 'i2', user: 'u2' }),
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
const asked = (key: string) =>
  vi.waitFor(() => {
    const found = server.last(key)
    expect(found, key).toBeDefined()
    return found
  })
/** Presses a button that asks back, and says yes. */
function confirm(container: HTMLElement, label: string): void {
  press(container, label)
  const buttons = [...container.querySelectorAll<HTMLElement>('dialog button')]
  buttons.find((button) => button.textContent === label)?.click()
}
const choose = (container: HTMLElement, label: string, value: string) =>
  vi.waitFor(() => {
    const select = control(container, label) as unknown as HTMLSelectElement
    expect([...select.options].map((option) => option.value)).toContain(value)
    select.value = value
    select.dispatchEvent(new Event('change', { bubbles: true }))
  })
const viewer: Me = somebody({ home: 'sp', allowed: [{ scope: 'city:sp', functions: ['user.read'] }] })

describe('the list of users', () => {
  it('shows who there is, and is searched', async () => {
    const { container } = show(() => <Users />, { server })
    await text(container, 'Bruno')
    expect(container.textContent).toContain('Two factors')
    type(container, 'Search', 'bru')
    await vi.waitFor(() => {
      expect(server.asked.at(-1)?.path).toBe('/users?text=bru')
    })
    await choose(container, 'City', 'sp')
    await vi.waitFor(() => {
      expect(server.asked.at(-1)?.path).toBe('/users?text=bru&home=sp')
    })
  })

  it('offers nothing that one may not', async () => {
    const { container } = show(() => <Users />, { server, state: { kind: 'in', me: viewer } })
    await text(container, 'Bruno')
    expect(container.textContent).not.toContain('New user')
    expect(container.querySelector('select:not(.language)')).toBeNull()
  })

  it('goes on page by page', async () => {
    server.answers['GET /users'] = { items: [bruno], next: 'c1' }
    server.answers['GET /users?cursor=c1'] = page({ ...bruno, id: 'u3', name: 'Carla', enabled: false, signed_in_us: 5 })
    const { container } = show(() => <Users />, { server })
    await text(container, 'Show more')
    press(container, 'Show more')
    await text(container, 'Carla')
    expect(container.textContent).toContain('Bruno')
    expect(container.textContent).toContain('Disabled')
    expect(container.textContent).not.toContain('Show more')
  })

  it('says when nobody fits, and why nothing is shown', async () => {
    server.answers['GET /users'] = page()
    const { container } = show(() => <Users />, { server })
    await text(container, 'Nobody fits.')
    cleanup()
    server.answers['GET /users'] = refusal(403, 'permission_missing')
    await text(show(() => <Users />, { server }).container, 'You may not do that.')
  })
})

describe('a new user', () => {
  it('belongs to a city and has a first role', async () => {
    server.answers['POST /users'] = { ...bruno, id: 'u9' }
    const { container, app } = show(() => <NewUser />, { server })
    type(container, 'Name', 'Carla')
    type(container, 'Login', 'carla')
    type(container, 'Password', 'seven green bicycles')
    await choose(container, 'City', 'sp')
    await choose(container, 'Role', 'r1')
    await choose(container, 'Where', 'platform')
    submit(container)
    await vi.waitFor(() => {
      expect(app.router.path()).toBe('/users/u9')
    })
    expect(server.last('POST /users')?.body).toMatchObject({
      login: 'carla',
      home: 'sp',
      grants: [{ role: 'r1', scope: 'platform' }],
    })
  })
})

describe('one user', () => {
  it('is changed by the version that was seen; a conflict offers the newest', async () => {
    server.answers['PATCH /users/u2'] = refusal(412, 'version_conflict')
    const { container } = show(() => <UserScreen id="u2" />, { server })
    await vi.waitFor(() => {
      type(container, 'Name', 'Bruno Lima')
    })
    submit(container)
    await text(container, 'Somebody else has changed this')
    expect(server.last('PATCH /users/u2')?.headers.get('If-Match')).toBe('"4"')
    server.answers['GET /users/u2'] = { ...bruno, name: 'Bruno Dias', version: 5 }
    press(container, 'Show the newest')
    await vi.waitFor(() => {
      expect(control(container, 'Name').value).toBe('Bruno Dias')
    })
    server.answers['PATCH /users/u2'] = { ...bruno, version: 6, enabled: false }
    control(container, 'May sign inTaking this away ends all sessions at once.').click()
    submit(container)
    await vi.waitFor(() => {
      expect(server.last('PATCH /users/u2')?.body).toMatchObject({ enabled: false })
    })
  })

  it('gets a link for a new password, loses the second factor, sessions and himself', async () => {
    server.answers['POST /users/u2/password-reset'] = { token: 'secret', invitation: link }
    server.answers['DELETE /users/u2/second-factor'] = null
    server.answers['DELETE /auth/sessions/s1'] = null
    server.answers['DELETE /users/u2/sessions'] = { count: 2 }
    server.answers['DELETE /users/u2'] = null
    const { container, app } = show(() => <UserScreen id="u2" />, { server })
    await text(container, 'Firefox')
    confirm(container, 'Link for a new password')
    await text(container, '/invitation#secret')
    confirm(container, 'End')
    await asked('DELETE /auth/sessions/s1')
    await text(container, 'End all others')
    confirm(container, 'End all others')
    await asked('DELETE /users/u2/sessions')
    confirm(container, 'Remove the second factor')
    await asked('DELETE /users/u2/second-factor')
    await text(container, 'Delete the user')
    confirm(container, 'Delete the user')
    await vi.waitFor(() => {
      expect(app.router.path()).toBe('/users')
    })
  })

  it('is given roles, and they are taken back', async () => {
    server.answers['POST /users/u2/grants'] = grant
    server.answers['DELETE /grants/g2'] = refusal(409, 'last_admin')
    const { container } = show(() => <UserScreen id="u2" />, { server })
    await text(container, 'operador · Camera group Entrances (sp)')
    await choose(container, 'Role', 'r1')
    await choose(container, 'Where', 'group')
    await choose(container, 'Camera group', 'g7')
    server.answers['GET /users/u2/grants'] = page({ ...grant, id: 'g2', role: 'newest' })
    const forms = container.querySelectorAll('form')
    forms[forms.length - 1]?.dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }))
    const sent = await asked('POST /users/u2/grants')
    expect(sent?.body).toEqual({ role: 'r1', scope: 'group:sp/g7' })
    await text(container, 'newest')
    confirm(container, 'Take back')
    await text(container, 'The last administrator cannot be taken away.')
    press(container, 'Cancel')
    expect(container.querySelector('dialog')).toBeNull()
  })

  it('can only be read by who may not more', async () => {
    const { container } = show(() => <UserScreen id="u2" />, { server, state: { kind: 'in', me: viewer } })
    await text(container, 'operador')
    expect(container.querySelector<HTMLButtonElement>('button[type=submit]')?.disabled).toBe(true)
    expect(container.textContent).not.toContain('Take back')
    expect(container.textContent).not.toContain('Delete the user')
  })
})

describe('groups of users', () => {
  it('are listed', async () => {
    const { container } = show(() => <UserGroups />, { server })
    await text(container, 'Night shift')
  })

  it('are made and changed', async () => {
    server.answers['POST /user-groups'] = group
    const { container, app } = show(() => <UserGroupScreen />, { server })
    type(container, 'Name', 'Night shift')
    await vi.waitFor(() => {
      control(container, 'Brunobruno').click()
    })
    submit(container)
    await vi.waitFor(() => {
      expect(app.router.path()).toBe('/users/groups/ug1')
    })
    expect(server.last('POST /user-groups')?.body).toEqual({ name: 'Night shift', members: ['u2'], home: '' })
    cleanup()
    server.answers['PUT /user-groups/ug1'] = { ...group, members: [], version: 3 }
    server.answers['DELETE /user-groups/ug1'] = null
    const again = show(() => <UserGroupScreen id="ug1" />, { server })
    await vi.waitFor(() => {
      control(again.container, 'Brunobruno').click()
    })
    submit(again.container)
    const sent = await asked('PUT /user-groups/ug1')
    expect(sent?.body).toEqual({ name: 'Night shift', members: [] })
    confirm(again.container, 'Delete the group')
    await vi.waitFor(() => {
      expect(again.app.router.path()).toBe('/users/groups')
    })
  })
})

describe('invitations', () => {
  it('are made as a link that is shown once', async () => {
    server.answers['POST /invitations'] = { token: 'secret', invitation: link }
    const { container } = show(() => <Invite />, { server })
    await choose(container, 'Role', 'r1')
    await choose(container, 'City', 'sp')
    type(container, 'Note', 'shift')
    submit(container)
    await text(container, '/invitation#secret')
    expect(server.last('POST /invitations')?.body).toEqual({ role: 'r1', scope: 'city:sp', note: 'shift' })
  })

  it('are listed and withdrawn', async () => {
    server.answers['DELETE /invitations/i1'] = null
    const { container } = show(() => <Invitations />, { server })
    await text(container, 'operador · City sp')
    confirm(container, 'Withdraw')
    await asked('DELETE /invitations/i1')
  })
})
