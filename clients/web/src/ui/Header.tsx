import { For, Show, type JSX } from 'solid-js'
import type { LanguageChoice } from '../i18n/createLanguage'
import { languageNames, languages, type Language } from '../i18n/translate'

export interface HeaderProps {
  readonly choice: LanguageChoice
  /** What stands beside the product's name. */
  readonly summary: string
  readonly open: boolean
  onHelp(): void
}

export function Header(props: HeaderProps): JSX.Element {
  const text = (...args: Parameters<ReturnType<LanguageChoice['translator']>['text']>) =>
    props.choice.translator().text(...args)
  return (
    <header class="header">
      <div class="brand">
        <svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
          <circle cx="16" cy="16" r="12" fill="none" stroke="currentColor" stroke-width="3" />
          <circle cx="16" cy="16" r="4.5" fill="currentColor" />
        </svg>
        <h1>VMS Enterprise</h1>
      </div>
      <span class="summary" role="status">
        {props.summary}
      </span>
      <Show when={props.open}>
        <p class="open-mode">{text('open.banner')}</p>
      </Show>
      <div class="tools">
        <select
          class="language"
          aria-label={text('language.label')}
          onChange={(event) => {
            props.choice.choose(event.currentTarget.value as Language)
          }}
        >
          <For each={languages}>
            {(language) => (
              <option value={language} lang={language} selected={language === props.choice.language()}>
                {languageNames[language]}
              </option>
            )}
          </For>
        </select>
        <button
          type="button"
          class="button icon"
          aria-label={text('help.open')}
          title={text('help.open')}
          onClick={() => {
            props.onHelp()
          }}
        >
          ?
        </button>
      </div>
    </header>
  )
}
