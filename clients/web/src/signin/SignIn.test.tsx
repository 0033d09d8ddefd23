import { cleanup } from '@solidjs/testing-library'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Problem } from '../api/problem'
import { control, press, show, submit, type } from '../ui/testing'
import { SignIn } from './SignIn'

afterEach(cleanup)

const refused = (code: string, values = {}) => Promise.reject(new Problem(401, { code, values }))

describe('signing in', () => {
  it('sends login and password', async () => {
    const { container, session } = show(() => <SignIn />, { state: { kind: 'out' } })
    await vi.waitFor(() => {
      expect(document.activeElement).toBe(control(container, 'Login'))
    })
    type(container, 'Login', ' ana ')
    type(container, 'Password', 'seven green bicycles')
    submit(container)
    await vi.waitFor(() => {
      expect(session.calls).toEqual(['signIn ana seven green bicycles '])
    })
  })

  it('asks for the city only after a refusal', async () => {
    const signIn = vi.fn(() => refused('sign_in_failed'))
    const { container } = show(() => <SignIn />, { state: { kind: 'out' }, session: { signIn } })
    expect(container.textContent).not.toContain('City')
    submit(container)
    await vi.waitFor(() => {
      expect(container.querySelector('[role=alert]')?.textContent).toBe('Login or password is wrong.')
    })
    type(container, 'City', 'sp')
    submit(container)
    await vi.waitFor(() => {
      expect(signIn).toHaveBeenLastCalledWith('', '', 'sp')
    })
  })

  it('says how long to wait', async () => {
    const signIn = () => refused('sign_in_slowed', { wait_s: 30 })
    const { container } = show(() => <SignIn />, { state: { kind: 'out' }, session: { signIn } })
    submit(container)
    await vi.waitFor(() => {
      expect(container.textContent).toContain('Wait 30 s')
    })
  })

  it('asks for the code, or for a recovery code', async () => {
    const secondFactor = vi.fn(() => refused('second_factor_failed'))
    const signIn = () => Promise.resolve('ticket')
    const { container } = show(() => <SignIn />, { state: { kind: 'out' }, session: { signIn, secondFactor } })
    submit(container)
    await vi.waitFor(() => {
      type(container, 'Six digits from the app', '123456')
    })
    submit(container)
    await vi.waitFor(() => {
      expect(container.textContent).toContain('The code is wrong')
    })
    expect(secondFactor).toHaveBeenCalledWith('ticket', '123456')
    expect(control(container, 'Six digits from the app').value).toBe('')
    press(container, 'Use a recovery code')
    type(container, 'Recovery code', 'k3fq-81hd')
    submit(container)
    await vi.waitFor(() => {
      expect(secondFactor).toHaveBeenLastCalledWith('ticket', 'k3fq-81hd')
    })
  })

  it('begins again when the ticket has run out', async () => {
    const session = { signIn: () => Promise.resolve('ticket'), secondFactor: () => refused('ticket_invalid') }
    const { container } = show(() => <SignIn />, { state: { kind: 'out' }, session })
    submit(container)
    await vi.waitFor(() => {
      type(container, 'Six digits from the app', '123456')
    })
    submit(container)
    await vi.waitFor(() => {
      expect(control(container, 'Password').value).toBe('')
    })
  })
})
