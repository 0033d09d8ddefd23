import type { JSX } from 'solid-js'
import { LanguageSelect } from './LanguageSelect'
import { Mark } from './Mark'

export interface CardProps {
  readonly title: string
  readonly lead?: string | undefined
  readonly children: JSX.Element
}

/** A screen of one thing to do, for who is not in yet. */
export function Card(props: CardProps): JSX.Element {
  return (
    <main class="door">
      <section class="card" aria-labelledby="card-title">
        <div class="brand">
          <Mark />
          <span>VMS Enterprise</span>
        </div>
        <h1 id="card-title">{props.title}</h1>
        <p class="lead">{props.lead}</p>
        {props.children}
      </section>
      <LanguageSelect />
    </main>
  )
}
