import { makeBackoff } from '../lib/backoff'
import { makeSocket, type SocketOptions } from '../lib/socket'
import { listStreams, type StreamStatus } from './streams'

type Message =
  | { readonly type: 'snapshot'; readonly cursor: number; readonly streams: readonly StreamStatus[] }
  | { readonly type: 'stream'; readonly stream: StreamStatus }
  | { readonly type: 'stats'; readonly streams: readonly StreamStatus[] }

export interface EventsOptions {
  /** All streams at once: what is not among them does not exist. */
  onSnapshot(streams: readonly StreamStatus[]): void
  /** Some streams, with their newest values. */
  onStreams(streams: readonly StreamStatus[]): void
  /** Whether the server can be heard. */
  onConnected(connected: boolean): void
  readonly url?: string
  readonly connect?: SocketOptions['connect']
  readonly list?: () => Promise<readonly StreamStatus[]>
  /** How often the list is asked for while there is no socket, in milliseconds. */
  readonly pollEvery?: number
}

/**
 * The state of all streams: pushed by WebSocket, and asked for where the
 * socket cannot be had. The first list is asked for at once beside the
 * socket; whichever comes first fills the wall.
 */
export function makeEvents(options: EventsOptions): { close(): void } {
  const list = options.list ?? listStreams
  const retry = makeBackoff({ first: 500, most: options.pollEvery ?? 5000 })
  let pushed = false
  let closed = false
  let timer: ReturnType<typeof setTimeout> | undefined

  async function poll(): Promise<void> {
    try {
      const streams = await list()
      if (closed || pushed) return
      options.onConnected(true)
      options.onSnapshot(streams)
    } catch {
      // The reason does not matter here: the wall says that the server does not answer.
      if (!closed && !pushed) options.onConnected(false)
    }
    // `closed` and `pushed` may have changed while the list was awaited.
    if (!(closed) && !(pushed)) timer = setTimeout(() => void poll(), retry.next())
  }

  function read(data: string): void {
    const message = parse(data)
    if (message?.type === 'snapshot') {
      pushed = true
      clearTimeout(timer)
      options.onConnected(true)
      options.onSnapshot(message.streams)
    } else if (message?.type === 'stream') {
      options.onStreams([message.stream])
    } else if (message?.type === 'stats') {
      options.onStreams(message.streams)
    }
  }

  function opened(open: boolean): void {
    if (open || closed) return
    pushed = false
    retry.reset()
    clearTimeout(timer)
    void poll()
  }

  const socket = makeSocket({
    url: options.url ?? socketUrl(location),
    onMessage: read,
    onOpen: opened,
    ...(options.connect === undefined ? {} : { connect: options.connect }),
  })
  void poll()
  return {
    close() {
      closed = true
      clearTimeout(timer)
      socket.close()
    },
  }
}

/** A message of a kind that this page does not know is left out, so that a newer server may send more. */
function parse(data: string): Message | undefined {
  try {
    return JSON.parse(data) as Message
  } catch {
    return undefined
  }
}

export function socketUrl(page: Pick<Location, 'protocol' | 'host'>): string {
  return `${page.protocol === 'https:' ? 'wss' : 'ws'}://${page.host}/ws/events`
}
