import { createSignal, createUniqueId, For, Show, type JSX } from 'solid-js'
import { cameras, type ImportReport, type ImportRow } from '../api/cameras'
import { Problem } from '../api/problem'
import { useApp } from '../ui/app'
import { createAction } from '../ui/createAction'
import { createHome } from '../ui/createHome'
import { Form } from '../ui/Form'
import { HomeFilter } from '../ui/HomeFilter'
import { Page, Panel } from '../ui/Page'

/** A file of cameras: first what would become of it, then it is done. */
export function ImportScreen(): JSX.Element {
  const app = useApp()
  const id = createUniqueId()
  const home = createHome(true)
  const [file, setFile] = createSignal<File>()
  const [report, setReport] = createSignal<ImportReport>()

  async function send(dryRun: boolean): Promise<void> {
    const given = file()
    if (given === undefined) return
    const kind = given.name.toLowerCase().endsWith('.json') ? 'json' : 'csv'
    setReport(await cameras.import(app.client, home.city(), kind, given, dryRun))
  }
  const check = createAction(() => send(true))
  const act = createAction(() => send(false))
  const ready = () => file() !== undefined && home.city() !== ''
  const checked = () => report()?.dry_run === true && (report()?.created ?? 0) + (report()?.updated ?? 0) > 0

  return (
    <Page title={app.text('cameras.import')} back={{ to: '/cameras', label: app.text('nav.cameras') }}>
      <Panel>
        <p>{app.text('import.hint')}</p>
        <Form
          action={{ ...check, error: () => check.error() ?? act.error() }}
          submit={app.text('import.check')}
          disabled={!ready()}
          more={
            <Show when={checked()}>
              <button type="button" class="button primary" disabled={act.busy()} onClick={() => void act.run()}>
                {app.text('import.act')}
              </button>
            </Show>
          }
        >
          <div class="columns">
            <HomeFilter home={home} />
            <div class="field">
              <label for={id}>{app.text('import.file')}</label>
              <input
                id={id}
                type="file"
                accept=".csv,.json,text/csv,application/json"
                onChange={(event) => {
                  setFile(event.currentTarget.files?.[0])
                  setReport(undefined)
                }}
              />
            </div>
          </div>
        </Form>
      </Panel>
      <Show when={report()}>{(found) => <Report report={found()} />}</Show>
    </Page>
  )
}

function Report(props: { readonly report: ImportReport }): JSX.Element {
  const app = useApp()
  const summary = () => {
    const { created, updated, unchanged, failed } = props.report
    return app.text(props.report.dry_run ? 'import.would' : 'import.did', { created, updated, unchanged, failed })
  }
  return (
    <>
      <p class={props.report.dry_run ? 'notes' : 'done'} role="status">
        {summary()}
      </p>
      <div class="table" tabindex="0" role="region" aria-label={app.text('cameras.import')}>
        <table>
          <thead>
            <tr>
              <th scope="col" class="number">
                {app.text('import.line')}
              </th>
              <th scope="col">{app.text('field.name')}</th>
              <th scope="col">{app.text('import.outcome')}</th>
            </tr>
          </thead>
          <tbody>
            <For each={props.report.rows}>{(row) => <Row row={row} />}</For>
          </tbody>
        </table>
      </div>
    </>
  )
}

function Row(props: { readonly row: ImportRow }): JSX.Element {
  const app = useApp()
  const why = () => {
    const { code, message, values } = props.row
    return code === null ? '' : app.t().problem(new Problem(400, { code, values: { detail: message ?? '', ...values } }))
  }
  return (
    <tr>
      <td class="number">{props.row.line}</td>
      <td>{props.row.name ?? props.row.id ?? '–'}</td>
      <td>
        <span class="tag" classList={{ warn: props.row.outcome === 'failed' }}>
          {app.text(`row.${props.row.outcome}`)}
        </span>
        <small>{why()}</small>
      </td>
    </tr>
  )
}
