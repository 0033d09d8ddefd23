import type { JSX } from 'solid-js'
import type { CameraItem } from '../api/cameras'
import { useApp } from '../ui/app'
import { createData } from '../ui/createData'
import { ExportList } from '../ui/ExportList'
import { Page } from '../ui/Page'

/** All that was taken away and is still to be had. */
export function Exports(): JSX.Element {
  const app = useApp()
  const cameras = createData(
    () => undefined,
    () => app.client.all<CameraItem>('/cameras'),
  )
  return (
    <Page title={app.text('nav.exports')}>
      <ExportList changes={0} names={new Map(cameras.value()?.map(({ id, name }) => [id, name]))} />
    </Page>
  )
}
