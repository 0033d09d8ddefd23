import { For, type JSX } from 'solid-js'
import { languageNames, languages, type Language } from '../i18n/translate'
import { useApp } from './app'

export function LanguageSelect(): JSX.Element {
  const app = useApp()
  return (
    <select
      class="language"
      aria-label={app.text('language.label')}
      onChange={(event) => {
        app.choice.choose(event.currentTarget.value as Language)
      }}
    >
      <For each={languages}>
        {(language) => (
          <option value={language} lang={language} selected={language === app.choice.language()}>
            {languageNames[language]}
          </option>
        )}
      </For>
    </select>
  )
}
