import { cleanup } from '@solidjs/testing-library'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { RuleView, StreamRule } from '../api/recording'
import { control, fakeServer, press, refusal, show, submit, type } from '../ui/testing'
import { Recording } from './Recording'

afterEach(cleanup)

const stream: StreamRule = { mode: 'continuous', schedule: [], audio: true, pre_s: 5, post_s: 10 }
const view: RuleView = {
  camera: 'c1',
  rule: { main: { ...stream, schedule: [{ days: [6, 7], from: '00:00', to: '24:00', mode: 'event' }] }, sub: stream, keep: { min_days: null, max_days: 30, max_bytes: null, thin: [{ after_days: 7, to: 'keys' }] } },
  manual: { action: 'stop', until_us: null },
  now: { main: 'off', sub: 'continuous' },
  next_change_us: 1_800_000_000_000_000,
  keep: { min_days: 7, max_days: 30, max_bytes: 5e11, thin: [] },
  time_zone: 'America/Sao_Paulo',
  version: 4,
}

describe('the rules of a camera', () => {
  it('are shown and changed', async () => {
    const server = fakeServer({ 'GET /cameras/c1/recording': view, 'PUT /cameras/c1/recording': { ...view, version: 5 } })
    const { container } = show(() => <Recording camera="c1" />, { server })
    await vi.waitFor(() => {
      expect(container.textContent).toContain('In force: at least 7 days, at most 30 days, 500 GB')
    })
    expect(container.textContent).toContain('Recording was stopped by hand')
    expect(container.textContent).toContain('Small picture: always')
    control(container, 'Fri').click()
    type(container, 'Seconds before an event', '8')
    type(container, 'At most, GB', '250,5')
    type(container, 'At least, days', '3')
    type(container, 'After so many days', '14')
    press(container, 'Thin out with age')
    press(container, 'Add times')
    submit(container)
    await vi.waitFor(() => {
      expect(server.last('PUT /cameras/c1/recording')?.headers.get('If-Match')).toBe('"4"')
    })
    expect(server.last('PUT /cameras/c1/recording')?.body).toEqual({
      main: {
        ...stream,
        pre_s: 8,
        schedule: [
          { days: [5, 6, 7], from: '00:00', to: '24:00', mode: 'event' },
          { days: [1, 2, 3, 4, 5], from: '08:00', to: '18:00', mode: 'continuous' },
        ],
      },
      sub: stream,
      keep: { min_days: 3, max_days: 30, max_bytes: 250_500_000_000, thin: [{ after_days: 14, to: 'keys' }, { after_days: 7, to: 'keys' }] },
    })
  })

  it('that cannot be had say why', async () => {
    const server = fakeServer({ 'GET /cameras/c1/recording': refusal(403, 'permission_missing') })
    const { container } = show(() => <Recording camera="c1" />, { server })
    await vi.waitFor(() => {
      expect(container.textContent).toContain('You may not do that.')
    })
  })
})
