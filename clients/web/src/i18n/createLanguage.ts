import { createEffect, createMemo, createSignal, type Accessor } from 'solid-js'
import { chooseLanguage, languages, makeTranslator, type Language, type Translator } from './translate'

const STORED = 'vms.language'

export interface LanguageChoice {
  readonly language: Accessor<Language>
  readonly translator: Accessor<Translator>
  choose(language: Language): void
  /** To the next language, for the keyboard. */
  next(): void
}

/** The language of the page: as chosen last, else as the browser wishes. */
export function createLanguage(): LanguageChoice {
  const [language, setLanguage] = createSignal(chooseLanguage([stored(), ...navigator.languages]))
  const translator = createMemo(() => makeTranslator(language()))
  createEffect(() => {
    document.documentElement.lang = language()
    document.title = `${translator().text('page.title')} · VMS Enterprise`
  })

  function choose(next: Language): void {
    setLanguage(next)
    store(next)
  }

  return {
    language,
    translator,
    choose,
    next() {
      choose(languages[(languages.indexOf(language()) + 1) % languages.length] ?? 'en')
    },
  }
}

function stored(): string | null {
  try {
    return localStorage.getItem(STORED)
  } catch {
    // Storage may be forbidden by the browser's settings; the choice then lasts as long as the page.
    return null
  }
}

function store(language: Language): void {
  try {
    localStorage.setItem(STORED, language)
  } catch {
    // As above.
  }
}
