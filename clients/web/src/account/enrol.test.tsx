import { cleanup } from '@solidjs/testing-library'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { control, fakeServer, press, refusal, show, somebody, submit, type } from '../ui/testing'
import { SecondFactorScreen } from './SecondFactorScreen'

afterEach(() => {
  cleanup()
  vi.unstubAllGlobals()
})

const ENROLMENT = { secret: 'JBSWY3DPEHPK3PXP', url: 'otpauth://totp/VMS:ana?secret=JBSWY3DPEHPK3PXP' }
const DIGITS = 'Six digits from the app'

describe('enrolling', () => {
  it('shows the secret as a code and as text, and the recovery codes once it is proved', async () => {
    vi.stubGlobal('scrollTo', () => undefined)
    const server = fakeServer({
      'POST /auth/totp': ENROLMENT,
      'POST /auth/totp/confirm': { codes: ['k3fq-81hd', '9c2m-x7pz'] },
    })
    const state = { kind: 'in', me: somebody({ must_enrol: true }) } as const
    const { container, session, app } = show(() => <SecondFactorScreen />, { server, state, address: '/account/x' })
    await vi.waitFor(() => {
      expect(container.querySelector('svg.qr path')?.getAttribute('d')?.length).toBeGreaterThan(1000)
    })
    expect(container.textContent).toContain('JBSW Y3DP EHPK 3PXP')
    type(container, DIGITS, '287082')
    submit(container)
    await vi.waitFor(() => {
      expect(container.querySelector('pre')?.textContent).toBe('k3fq-81hd\n9c2m-x7pz')
    })
    expect(server.last('POST /auth/totp/confirm')?.body).toEqual({ code: '287082' })
    control(container, 'I have put them in a safe place').click()
    press(container, 'Continue')
    await vi.waitFor(() => {
      expect(app.router.path()).toBe('/')
    })
    expect(session.calls).toEqual(['reload'])
  })

  it('does not go on before the codes are kept; copies and saves them', async () => {
    const server = fakeServer({ 'POST /auth/totp': ENROLMENT, 'POST /auth/totp/confirm': { codes: ['k3fq'] } })
    const { container } = show(() => <SecondFactorScreen />, { server })
    await vi.waitFor(() => {
      type(container, DIGITS, '287082')
    })
    submit(container)
    await vi.waitFor(() => {
      expect(container.textContent).toContain('k3fq')
    })
    const go = [...container.querySelectorAll('button')].find((button) => button.textContent === 'Continue')
    expect(go?.disabled).toBe(true)
    const writeText = vi.fn(() => Promise.resolve())
    vi.stubGlobal('navigator', { clipboard: { writeText } })
    press(container, 'Copy')
    await vi.waitFor(() => {
      expect(container.textContent).toContain('Copied')
    })
    expect(writeText).toHaveBeenCalledWith('k3fq')
    vi.stubGlobal('navigator', {})
    press(container, 'Copy')
    await vi.waitFor(() => {
      expect(container.textContent).toContain('Ctrl+C')
    })
    const made = vi.spyOn(URL, 'createObjectURL').mockReturnValue('blob:x')
    press(container, 'Save as a file')
    expect(made).toHaveBeenCalledOnce()
    made.mockRestore()
  })

  it('tells a wrong code, and that one is enrolled already', async () => {
    const server = fakeServer({
      'POST /auth/totp': ENROLMENT,
      'POST /auth/totp/confirm': () => refusal(401, 'second_factor_failed'),
    })
    const { container } = show(() => <SecondFactorScreen />, { server })
    await vi.waitFor(() => {
      type(container, DIGITS, '000000')
    })
    submit(container)
    await vi.waitFor(() => {
      expect(container.textContent).toContain('The code is wrong')
    })
    cleanup()
    server.answers['POST /auth/totp'] = refusal(409, 'second_factor_enrolled')
    const again = show(() => <SecondFactorScreen />, { server })
    await vi.waitFor(() => {
      expect(again.container.textContent).toContain('second factor already')
    })
  })
})
