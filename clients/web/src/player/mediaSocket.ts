import { chosenOf, type Chosen } from './whep'

/** How a decoder is set up; docs/reference/media-socket.md is the contract. */
export interface TileConfig {
  readonly codec: string
  readonly width: number
  readonly height: number
  /** What `avcC`, `hvcC`, `av1C` or `vpcC` holds; empty for other codecs. */
  readonly description: Uint8Array<ArrayBuffer>
}

export interface TileFrame {
  readonly key: boolean
  /** Frames before it were left out: the decoder begins anew with it. */
  readonly breaks: boolean
  /** To be decoded and not shown. */
  readonly catchesUp: boolean
  /** When it is shown, and when it was taken, microseconds. */
  readonly shown: number
  readonly taken: number
  readonly data: Uint8Array<ArrayBuffer>
}

/** What a tile is told. */
export interface TileEvents {
  onSubscribed(chosen: Chosen | undefined): void
  onConfig(config: TileConfig): void
  onFrame(frame: TileFrame): void
  /** It was not let in, or it was ended: `code` says why. */
  onRefused(code: string): void
  /** The socket is gone; it takes the tile with it. */
  onLost(): void
}

export interface Tile {
  renew(address: string): void
  /** Nobody can see it: nothing is sent until this is called with false. */
  rest(hidden: boolean): void
  close(): void
}

export interface Subscription {
  readonly camera: string
  readonly stream: string
  /** Proves that it may be opened, where that is wanted. */
  readonly address?: string | undefined
  /** What the page can play, with commas; whatever comes where nothing is said. */
  readonly codecs?: string | undefined
}

export interface MediaSocket {
  open(wanted: Subscription, events: TileEvents): Tile
}

export interface MediaSocketOptions {
  readonly url: string
  readonly connect?: (url: string) => WebSocket
}

const HEAD = 24
const [KEY, BREAK, CATCH_UP] = [1, 2, 4]
const FRAME = 1
const IDS = 65_536

interface Word {
  readonly type?: unknown
  readonly id?: unknown
  readonly code?: unknown
  readonly variant?: unknown
  readonly reason?: unknown
}

/** One WebSocket for all tiles of a page: open while there are any. */
export function makeMediaSocket(options: MediaSocketOptions): MediaSocket {
  const connect = options.connect ?? ((url: string) => new WebSocket(url))
  const tiles = new Map<number, TileEvents>()
  let socket: WebSocket | undefined
  let waiting: string[] = []
  let next = 0

  function send(message: object): void {
    const text = JSON.stringify(message)
    if (socket?.readyState === 1) socket.send(text)
    else waiting.push(text)
  }

  function start(): void {
    const mine = connect(options.url)
    socket = mine
    mine.binaryType = 'arraybuffer'
    mine.onopen = () => {
      for (const text of waiting) mine.send(text)
      waiting = []
    }
    mine.onmessage = (event: MessageEvent<unknown>) => {
      if (typeof event.data === 'string') heard(JSON.parse(event.data) as Word)
      else if (event.data instanceof ArrayBuffer) seen(event.data)
    }
    mine.onclose = lost
  }

  function lost(): void {
    socket = undefined
    waiting = []
    const all = [...tiles.values()]
    tiles.clear()
    for (const tile of all) tile.onLost()
  }

  function heard(word: Word): void {
    const id = Number(word.id)
    const tile = tiles.get(id)
    if (word.type === 'subscribed') tile?.onSubscribed(chosenOf(word.variant, word.reason))
    if (word.type !== 'refused' && word.type !== 'ended') return
    tiles.delete(id)
    tile?.onRefused(typeof word.code === 'string' ? word.code : 'refused')
  }

  function seen(data: ArrayBuffer): void {
    const view = new DataView(data)
    const tile = tiles.get(view.getUint16(2))
    if (tile === undefined) return
    const body = new Uint8Array(data, HEAD)
    if (view.getUint8(0) !== FRAME) {
      tile.onConfig(configOf(new TextDecoder().decode(body)))
      return
    }
    const flags = view.getUint8(1)
    tile.onFrame({
      key: (flags & KEY) !== 0,
      breaks: (flags & BREAK) !== 0,
      catchesUp: (flags & CATCH_UP) !== 0,
      // Exact for three centuries.
      shown: Number(view.getBigInt64(8)),
      taken: Number(view.getBigInt64(16)),
      data: body,
    })
  }

  return {
    open(wanted, events) {
      while (tiles.has(next)) next = (next + 1) % IDS
      const id = next
      next = (next + 1) % IDS
      tiles.set(id, events)
      if (socket === undefined) start()
      // What is undefined is not sent.
      send({ type: 'subscribe', id, ...wanted })
      return {
        renew(fresh) {
          if (tiles.has(id)) send({ type: 'renew', id, address: fresh })
        },
        rest(hidden) {
          if (tiles.has(id)) send({ type: hidden ? 'pause' : 'resume', id })
        },
        close() {
          if (!tiles.delete(id)) return
          send({ type: 'unsubscribe', id })
          if (tiles.size > 0 || socket === undefined) return
          const gone = socket
          socket = undefined
          waiting = []
          gone.onclose = null
          gone.close()
        },
      }
    },
  }
}

function configOf(text: string): TileConfig {
  const told = JSON.parse(text) as Omit<TileConfig, 'description'> & { readonly description: string }
  return { ...told, description: Uint8Array.from(atob(told.description), (letter) => letter.charCodeAt(0)) }
}
