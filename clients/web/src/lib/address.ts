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
  { scheme: 'file', form: 'file:NAME', credentials: 'none' },
]

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

/** Whether what was typed so far can still become an address. */
export function mayBecome(address: string): boolean {
  const typed = address.trim().toLowerCase()
  return typed === '' || wayOf(typed) !== undefined || WAYS.some(({ scheme }) => `${scheme}:`.startsWith(typed))
}
