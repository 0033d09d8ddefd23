import { createStore } from 'solid-js/store'
import { GENERIC, type Camera, type CameraDraft } from '../api/cameras'
import { givenOf, listOf, numberOf, textOf } from '../lib/numbers'

/** A camera as the fields of its form hold it: texts, for the most part. */
export interface Draft {
  name: string
  maker: string
  host: string
  port: string
  channel: string
  subStream: boolean
  url: string
  subUrl: string
  transport: string
  user: string
  password: string
  enabled: boolean
  site: string
  groups: readonly string[]
  tags: string
  latitude: string
  longitude: string
}

/** The form of a camera, filled with what there is. */
export function createDraft(camera: Camera | undefined) {
  const [draft, set] = createStore<Draft>({
    name: camera?.name ?? '',
    maker: camera?.maker ?? GENERIC,
    host: camera?.host ?? '',
    port: textOf(camera?.port),
    channel: textOf(camera?.channel ?? 1),
    subStream: camera?.sub_stream ?? true,
    url: camera?.url ?? '',
    subUrl: camera?.sub_url ?? '',
    transport: camera?.transport ?? '',
    user: camera?.user ?? '',
    password: '',
    enabled: camera?.enabled ?? true,
    site: camera?.site ?? '',
    groups: camera?.groups ?? [],
    tags: camera?.tags.join(', ') ?? '',
    latitude: textOf(camera?.latitude),
    longitude: textOf(camera?.longitude),
  })
  return [draft, set] as const
}

/** What is sent. A password that was not typed stays as it is. */
export function sentOf(draft: Draft): CameraDraft {
  const generic = draft.maker === GENERIC
  const source = generic
    ? { url: givenOf(draft.url), sub_url: givenOf(draft.subUrl) }
    : {
        host: givenOf(draft.host),
        port: numberOf(draft.port),
        channel: numberOf(draft.channel) ?? 1,
        sub_stream: draft.subStream,
      }
  return {
    name: draft.name.trim(),
    maker: draft.maker,
    ...source,
    transport: draft.transport === '' ? null : (draft.transport as 'tcp' | 'udp'),
    user: givenOf(draft.user),
    ...(draft.password === '' ? {} : { password: draft.password }),
    enabled: draft.enabled,
    site: givenOf(draft.site),
    groups: draft.groups,
    tags: listOf(draft.tags),
    latitude: numberOf(draft.latitude),
    longitude: numberOf(draft.longitude),
  }
}
