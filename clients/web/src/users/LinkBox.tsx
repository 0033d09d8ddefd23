import type { JSX } from 'solid-js'
import { useApp } from '../ui/app'
import { SecretBox } from '../ui/SecretBox'

/** A link that one hands on; what is secret stands behind the #, which no server is sent. */
export function LinkBox(props: { readonly token: string }): JSX.Element {
  const app = useApp()
  return <SecretBox label={app.text('link.once')} text={`${location.origin}/invitation#${props.token}`} />
}
