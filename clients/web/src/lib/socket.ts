import { makeBackoff, type Backoff } from './backoff'

export interface SocketOptions {
  readonly url: string
  onMessage(data: string): void
  /** Called on each change: true once open, false once lost. */
  onOpen(open: boolean): void
  readonly backoff?: Backoff
  /** A parameter so that tests need no network. */
  readonly connect?: (url: string) => WebSocket
  /** Without any message for so long (ms) the connection is held dead and opened anew. */
  readonly silence?: number
}

const DEFAULT_SILENCE = 10_000

/**
 * A WebSocket that comes back by itself, with jitter, until it is closed.
 * The server sends statistics every second, so silence means a dead path
 * even where TCP has not noticed.
 */
export function makeSocket(options: SocketOptions): { close(): void } {
  const connect = options.connect ?? ((url: string) => new WebSocket(url))
  const backoff = options.backoff ?? makeBackoff({ first: 500, most: 10_000 })
  const silence = options.silence ?? DEFAULT_SILENCE
  let closed = false
  let open = false
  let timer: ReturnType<typeof setTimeout> | undefined
  let socket: WebSocket | undefined

  function watch(): void {
    clearTimeout(timer)
    timer = setTimeout(lost, silence)
  }

  function lost(): void {
    const gone = socket
    socket = undefined
    clearTimeout(timer)
    if (gone !== undefined) {
      gone.onopen = gone.onmessage = gone.onclose = null
      gone.close()
    }
    if (open) {
      open = false
      options.onOpen(false)
    }
    if (!closed) timer = setTimeout(start, backoff.next())
  }

  function start(): void {
    socket = connect(options.url)
    watch()
    socket.onopen = () => {
      open = true
      watch()
      options.onOpen(true)
    }
    socket.onmessage = (event: MessageEvent<unknown>) => {
      watch()
      // A message, not the handshake alone, proves that the far end works.
      backoff.reset()
      if (typeof event.data === 'string') options.onMessage(event.data)
    }
    socket.onclose = lost
  }

  start()
  return {
    close() {
      closed = true
      lost()
    },
  }
}
