import type { JSX } from 'solid-js'
import { useApp } from '../ui/app'
import { Card } from '../ui/Card'
import { Enrol } from './Enrol'

/** Where everybody is led who must have a second factor and has none. */
export function SecondFactorScreen(): JSX.Element {
  const app = useApp()
  async function done(): Promise<void> {
    await app.session.reload()
    app.router.go('/', true)
  }
  return (
    <Card title={app.text('enrol.title')} lead={app.text(app.me()?.must_enrol ? 'enrol.must' : 'enrol.lead')}>
      <Enrol onDone={() => void done()} />
    </Card>
  )
}
