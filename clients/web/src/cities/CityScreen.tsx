import { createSignal, For, Show, type JSX } from 'solid-js'
import { cities, plans, type City, type CityDraft, type QuotaUse } from '../api/cities'
import { languageNames, languages } from '../i18n/translate'
import { bareCnpj, isCnpj, shownCnpj } from '../lib/cnpj'
import { useApp } from '../ui/app'
import { createAction } from '../ui/createAction'
import { createData, type Data } from '../ui/createData'
import { AskedButton } from '../ui/Dialog'
import { Field, Select } from '../ui/Field'
import { Form, Refusal } from '../ui/Form'
import { Page, Panel } from '../ui/Page'
import { Limits, limitsOf, textsOf, type LimitTexts } from './Limits'

/** One city, or a new one. */
export function CityScreen(props: { readonly id?: string }): JSX.Element {
  const app = useApp()
  const data = createData(
    () => props.id,
    (id) => (id === undefined ? Promise.resolve(undefined) : cities.get(app.client, id)),
  )
  const title = () => data.value()?.name ?? (props.id === undefined ? app.text('cities.new') : '')
  return (
    <Page title={title()} back={{ to: '/cities', label: app.text('nav.cities') }}>
      <Refusal error={data.error()} />
      <Show when={props.id === undefined}>
        <CityForm city={undefined} onSaved={(city) => { app.router.go(`/cities/${city.id}`) }} />
      </Show>
      <Show when={data.value()} keyed>
        {(city) => (
          <>
            <Usage city={city} />
            <CityForm city={city} onSaved={data.set} onReload={data.reload} />
            <Show when={app.may('city.manage')}>
              <State city={city} data={data} />
            </Show>
          </>
        )}
      </Show>
    </Page>
  )
}

function Usage(props: { readonly city: City }): JSX.Element {
  const app = useApp()
  const use = createData(
    () => props.city,
    (city) => cities.usage(app.client, city.id),
  )
  const said = ({ limit, used }: QuotaUse) => {
    const values = { used: app.t().number(used ?? 0), limit: app.t().number(limit ?? 0) }
    // What nobody counts yet has a limit at most.
    if (used === null) return app.text(limit === null ? 'cities.use.none' : 'cities.use.most', values)
    return app.text(limit === null ? 'cities.use.unlimited' : 'cities.use.of', values)
  }
  return (
    <Panel title={app.text('cities.use')}>
      <Refusal error={use.error()} />
      <dl class="use">
        <For each={use.value()}>
          {(one) => (
            <div>
              <dt>{app.text(`quota.${one.quota}`)}</dt>
              <dd>
                {said(one)}
              </dd>
              <Show when={one.limit !== null && one.used !== null}>
                <meter max={one.limit ?? 0} value={one.used ?? 0} aria-label={app.text(`quota.${one.quota}`)} />
              </Show>
            </div>
          )}
        </For>
      </dl>
    </Panel>
  )
}

interface CityFormProps {
  readonly city: City | undefined
  onSaved(city: City): void
  readonly onReload?: () => void
}

function CityForm(props: CityFormProps): JSX.Element {
  const app = useApp()
  /* eslint-disable solid/reactivity -- what the fields begin with */
  const before = props.city
  /* eslint-enable solid/reactivity */
  const [id, setId] = createSignal('')
  const [name, setName] = createSignal(before?.name ?? '')
  const [cnpj, setCnpj] = createSignal(shownCnpj(before?.cnpj ?? ''))
  const [plan, setPlan] = createSignal(before?.plan ?? '')
  const [zone, setZone] = createSignal(before?.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone)
  const [language, setLanguage] = createSignal(before?.language ?? app.choice.language())
  const [limits, setLimits] = createSignal<LimitTexts>(textsOf(before?.overrides ?? {}))
  const offers = createData(
    () => undefined,
    async () => {
      const found = await plans.all(app.client)
      if (plan() === '') setPlan(found[0]?.id ?? '')
      return found
    },
  )
  const wrongCnpj = () => cnpj() !== '' && !isCnpj(cnpj())
  const draft = (): CityDraft => ({
    name: name().trim(),
    plan: plan(),
    cnpj: cnpj() === '' ? null : bareCnpj(cnpj()),
    time_zone: zone().trim(),
    language: language(),
    overrides: limitsOf(limits()),
  })
  const action = createAction(async () => {
    props.onSaved(
      await (before === undefined
        ? cities.create(app.client, id().trim(), draft())
        : cities.change(app.client, before, draft())),
    )
  })
  const cnpjHint = () => {
    if (cnpj() === '') return app.text('field.optional')
    return wrongCnpj() ? undefined : app.text('cities.cnpj.good')
  }

  return (
    <Panel title={app.text('users.details')}>
      <Form
        action={action}
        submit={app.text(before === undefined ? 'form.create' : 'form.save')}
        disabled={wrongCnpj() || !app.may('city.manage')}
        onReload={props.onReload}
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
          <Field
            label="CNPJ"
            placeholder="00.000.000/0000-00"
            value={cnpj()}
            hint={cnpjHint()}
            error={wrongCnpj() ? app.text('cities.cnpj.wrong') : undefined}
            onInput={(text) => setCnpj(shownCnpj(text))}
          />
          <Select
            label={app.text('cities.plan')}
            value={plan()}
            choices={(offers.value() ?? []).map((one) => ({ value: one.id, label: one.name }))}
            onChange={setPlan}
          />
          <Field label={app.text('cities.zone')} value={zone()} onInput={setZone} required />
          <Select
            label={app.text('language.label')}
            value={language()}
            choices={languages.map((one) => ({ value: one, label: languageNames[one] }))}
            onChange={setLanguage}
          />
        </div>
        <Limits values={limits()} hint={app.text('cities.limits.hint')} onChange={setLimits} />
      </Form>
    </Panel>
  )
}

function State(props: { readonly city: City; readonly data: Data<City | undefined> }): JSX.Element {
  const app = useApp()
  const suspended = () => props.city.state === 'suspended'
  return (
    <Panel title={app.text('users.state')}>
      <p>{app.text(suspended() ? 'cities.suspended.long' : 'cities.active.long')}</p>
      <div class="buttons">
        <AskedButton
          label={app.text(suspended() ? 'cities.resume' : 'cities.suspend')}
          question={app.text(suspended() ? 'cities.resume.ask' : 'cities.suspend.ask')}
          danger={!suspended()}
          onAct={() =>
            cities.setState(app.client, props.city, suspended() ? 'resume' : 'suspend').then(props.data.set)
          }
        />
        <AskedButton
          label={app.text('cities.delete')}
          question={app.text('cities.delete.ask')}
          danger
          onAct={() =>
            cities.delete(app.client, props.city).then(() => {
              app.router.go('/cities')
            })
          }
        />
      </div>
    </Panel>
  )
}
