/** Addresses of cameras as they are typed: which protocol, and what it is opened with. */

export type Credentials = 'login' | 'passphrase' | 'none'

export interface Way {
  readonly scheme: string
  /** What to write. */
  readonly form: string
  readonly credentials: Credentials
}

/** Those that the server takes; it has the last word on the rest of the address. */
export const WAYS: readonly Way[] = [
  { scheme: 'rtsp', form: 'rtsp://HOST[:PORT]/PATH', credentials: 'login' },
  { scheme: 'rtsps', form: 'rtsps://HOST[:PORT]/PATH', credentials: 'login' },
  { scheme: 'rtsp+http', form: 'rtsp+http://HOST[:PORT]/PATH', credentials: 'login' },
  { scheme: 'rtsp+https', form: 'rtsp+https://HOST[:PORT]/PATH', credentials: 'login' },
  { scheme: 'srt', form: 'srt://HOST:PORT?streamid=NAME', credentials: 'passphrase' },
  { scheme: 'rtmp', form: 'rtmp://HOST[:PORT]/APP/STREAM', credentials: 'login' },
  { scheme: 'rtmps', form: 'rtmps://HOST[:PORT]/APP/STREAM', credentials: 'login' },
  { scheme: 'http', form: 'http://HOST[:PORT]/PATH', credentials: 'login' },
  { scheme: 'https', form: 'https://HOST[:PORT]/PATH', credentials: 'login' },
  { scheme: 'node', form: 'node://HOST[:PORT]/CAMERA[/sub]', credentials: 'login' },
  { scheme: 'file', form: 'file:NAME', credentials: 'none' },
]

/** What is written where a stream is brought to others: we call them by SRT alone. */
export const PUSH_FORM = 'srt://HOST:PORT?streamid=NAME&latency=MS'
export const PUSH_BEGIN = 'srt://'

export const PUBLISH = 'publish:'
export const PUBLISH_REPLACE = 'publish:replace'

/** Whether the camera calls us. */
export function isPublished(address: string | null | undefined): boolean {
  return address === PUBLISH || address === PUBLISH_REPLACE
}

/** The way that an address begins with; undefined while none is recognised. */
export function wayOf(address: string): Way | undefined {
  const scheme = address.trim().split(':', 1)[0]?.toLowerCase()
  return WAYS.find((way) => way.scheme === scheme && address.includes(':'))
}

/** Whether what was typed so far can still become the address of somebody whom a stream is brought to. */
export function mayBecomeTarget(address: string): boolean {
  const typed = address.trim().toLowerCase()
  return PUSH_BEGIN.startsWith(typed) || typed.startsWith(PUSH_BEGIN)
}

/** Host and port of somebody whom a stream is brought to. */
export function targetOf(address: string): string {
  return address.slice(PUSH_BEGIN.length).split(/[/?]/, 1)[0] ?? ''
}

/** Whether what was typed so far can still become an address. */
export function mayBecome(address: string): boolean {
  const typed = address.trim().toLowerCase()
  return typed === '' || wayOf(typed) !== undefined || WAYS.some(({ scheme }) => `${scheme}:`.startsWith(typed))
}
