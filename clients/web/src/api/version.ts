import { problemOf } from './problem'
import type { Fetch } from './streams'

export interface Version {
  readonly version: string
  /** True when the server asks nobody for a name (`vms up --open`). */
  readonly open: boolean
}

export async function readVersion(get: Fetch = fetch): Promise<Version> {
  const answer = await get('/api/v1/version')
  if (!answer.ok) throw await problemOf(answer)
  const body = (await answer.json()) as Partial<Version>
  return { version: body.version ?? '', open: body.open === true }
}
