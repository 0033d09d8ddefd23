import { createSignal, Show, type JSX } from 'solid-js'
import { plans, type Plan } from '../api/cities'
import { useApp } from '../ui/app'
import { createAction } from '../ui/createAction'
import { createData } from '../ui/createData'
import { AskedButton } from '../ui/Dialog'
import { Field } from '../ui/Field'
import { Form, Refusal } from '../ui/Form'
import { Page, Panel } from '../ui/Page'
import { Limits, limitsOf, textsOf, type LimitTexts } from './Limits'

/** One plan, or a new one. */
export function PlanScreen(props: { readonly id?: string }): JSX.Element {
  const app = useApp()
  const data = createData(
    () => props.id,
    (id) => (id === undefined ? Promise.resolve(undefined) : plans.get(app.client, id)),
  )
  const title = () => data.value()?.name ?? (props.id === undefined ? app.text('plans.new') : '')
  return (
    <Page title={title()} back={{ to: '/cities/plans', label: app.text('plans.title') }}>
      <Refusal error={data.error()} />
      <Show when={props.id === undefined}>
        <PlanForm plan={undefined} onReload={data.reload} />
      </Show>
      <Show when={data.value()} keyed>
        {(plan) => <PlanForm plan={plan} onReload={data.reload} />}
      </Show>
    </Page>
  )
}

function PlanForm(props: { readonly plan: Plan | undefined; onReload(): void }): JSX.Element {
  const app = useApp()
  /* eslint-disable solid/reactivity -- what the fields begin with */
  const before = props.plan
  /* eslint-enable solid/reactivity */
  const [id, setId] = createSignal('')
  const [name, setName] = createSignal(before?.name ?? '')
  const [limits, setLimits] = createSignal<LimitTexts>(textsOf(before?.limits ?? {}))
  const action = createAction(async () => {
    const draft = { name: name().trim(), limits: limitsOf(limits()) }
    await (before === undefined ? plans.create(app.client, id().trim(), draft) : plans.change(app.client, before, draft))
    app.router.go('/cities/plans')
  })
  return (
    <Panel>
      <Form
        action={action}
        submit={app.text(before === undefined ? 'form.create' : 'form.save')}
        disabled={!app.may('plan.manage')}
        onReload={() => {
          props.onReload()
        }}
        more={
          <Show when={before}>
            {(plan) => (
              <AskedButton
                label={app.text('plans.delete')}
                question={app.text('plans.delete.ask')}
                danger
                onAct={() =>
                  plans.delete(app.client, plan()).then(() => {
                    app.router.go('/cities/plans')
                  })
                }
              />
            )}
          </Show>
        }
      >
        <div class="columns">
          <Show when={before === undefined}>
            <Field
              label={app.text('cities.id')}
              hint={app.text('cities.id.hint')}
              value={id()}
              onInput={setId}
              maxlength={50}
              required
              focus
            />
          </Show>
          <Field label={app.text('field.name')} value={name()} onInput={setName} maxlength={120} required />
        </div>
        <Limits values={limits()} hint={app.text('plans.limits.hint')} onChange={setLimits} />
      </Form>
    </Panel>
  )
}
