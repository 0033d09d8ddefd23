import { createStore } from 'solid-js/store'
import { GENERIC, type Camera, type CameraDraft } from '../api/cameras'
import { isPublished, PUBLISH, PUBLISH_REPLACE, wayOf, type Credentials } from '../lib/address'
import { givenOf, listOf, numberOf, textOf } from '../lib/numbers'

/** Who calls whom. */
export type Direction = 'call' | 'publish'

export type Calling = 'auto' | 'always' | 'demand'

/** Somebody whom a stream is brought to. */
export interface Target {
  readonly address: string
  /** As it was typed: what is kept is never told. */
  readonly passphrase: string
}

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
  backupUrl: string
  backupSubUrl: string
  direction: Direction
  /** A second publisher takes the place of the first. */
  replace: boolean
  transport: string
  /** When it is called: `auto`, `always` or `demand`. */
  calling: Calling
  push: readonly Target[]
  subPush: readonly Target[]
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
    subStream: isPublished(camera?.url) ? camera?.sub_url !== null : (camera?.sub_stream ?? true),
    url: isPublished(camera?.url) ? '' : (camera?.url ?? ''),
    subUrl: isPublished(camera?.sub_url) ? '' : (camera?.sub_url ?? ''),
    backupUrl: camera?.backup_url ?? '',
    backupSubUrl: camera?.backup_sub_url ?? '',
    direction: isPublished(camera?.url) ? 'publish' : 'call',
    replace: camera?.url === PUBLISH_REPLACE,
    transport: camera?.transport ?? '',
    calling: callingOf(camera?.on_demand ?? null),
    push: targetsOf(camera?.push ?? []),
    subPush: targetsOf(camera?.sub_push ?? []),
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

/** What the main stream is opened with, as far as that can be told of what was typed. */
export function credentialsOf(draft: Draft): Credentials {
  if (draft.direction === 'publish') return 'none'
  return draft.maker === GENERIC ? (wayOf(draft.url)?.credentials ?? 'login') : 'login'
}

/** Whether there is a small picture, which may have a second address and be brought to others too. */
export function hasSub(draft: Draft): boolean {
  if (draft.direction === 'publish') return draft.subStream
  return draft.maker === GENERIC ? draft.subUrl.trim() !== '' : draft.subStream
}

const DEMANDS: Readonly<Record<Calling, boolean | null>> = { auto: null, always: false, demand: true }

function callingOf(onDemand: boolean | null): Calling {
  if (onDemand === null) return 'auto'
  return onDemand ? 'demand' : 'always'
}

function targetsOf(addresses: readonly string[]): readonly Target[] {
  return addresses.map((address) => ({ address, passphrase: '' }))
}

const addressOf = ({ address }: Target) => address.trim()

/** Whom the streams are brought to, with the passphrases that were typed. */
function pushesOf(draft: Draft): CameraDraft {
  const subPush = hasSub(draft) ? draft.subPush : []
  const typed = [...draft.push, ...subPush].filter(({ passphrase }) => passphrase !== '')
  const passphrases = Object.fromEntries(typed.map((target) => [addressOf(target), target.passphrase]))
  return {
    push: draft.push.map(addressOf),
    sub_push: subPush.map(addressOf),
    ...(typed.length === 0 ? {} : { push_passphrases: passphrases }),
  }
}

function sourceOf(draft: Draft): CameraDraft {
  if (draft.direction === 'publish') {
    const url = draft.replace ? PUBLISH_REPLACE : PUBLISH
    return { maker: GENERIC, url, sub_url: draft.subStream ? url : null }
  }
  if (draft.maker === GENERIC) return { maker: GENERIC, url: givenOf(draft.url), sub_url: givenOf(draft.subUrl) }
  return {
    maker: draft.maker,
    host: givenOf(draft.host),
    port: numberOf(draft.port),
    channel: numberOf(draft.channel) ?? 1,
    sub_stream: draft.subStream,
  }
}

/** What is sent. A password that was not typed stays as it is. */
export function sentOf(draft: Draft): CameraDraft {
  const credentials = credentialsOf(draft)
  // Who calls us has one way.
  const backup = draft.direction === 'call' ? givenOf(draft.backupUrl) : null
  return {
    name: draft.name.trim(),
    ...sourceOf(draft),
    backup_url: backup,
    backup_sub_url: backup !== null && hasSub(draft) ? givenOf(draft.backupSubUrl) : null,
    transport: draft.transport === '' ? null : (draft.transport as 'tcp' | 'udp'),
    on_demand: draft.direction === 'publish' ? null : DEMANDS[draft.calling],
    ...pushesOf(draft),
    user: credentials === 'login' ? givenOf(draft.user) : null,
    ...(draft.password === '' || credentials === 'none' ? {} : { password: draft.password }),
    enabled: draft.enabled,
    site: givenOf(draft.site),
    groups: draft.groups,
    tags: listOf(draft.tags),
    latitude: numberOf(draft.latitude),
    longitude: numberOf(draft.longitude),
  }
}
