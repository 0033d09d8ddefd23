/** A peer connection as a test wants it: it records what is done to it. */
export class FakePeer {
  ontrack: ((event: { streams: MediaStream[]; track: unknown }) => void) | null = null
  onconnectionstatechange: (() => void) | null = null
  connectionState: RTCPeerConnectionState = 'new'
  readonly kinds: string[] = []
  readonly done: string[] = []
  report: Record<string, Record<string, unknown>> = {}

  addTransceiver(kind: string, init: { direction: string }): void {
    this.kinds.push(`${kind} ${init.direction}`)
  }
  createOffer(): Promise<{ type: string; sdp: string }> {
    return Promise.resolve({ type: 'offer', sdp: 'the offer' })
  }
  setLocalDescription(): Promise<void> {
    this.done.push('local')
    return Promise.resolve()
  }
  setRemoteDescription(description: { type: string; sdp: string }): Promise<void> {
    this.done.push(`remote ${description.type}: ${description.sdp}`)
    return Promise.resolve()
  }
  setConfiguration({ iceServers }: RTCConfiguration): void {
    this.done.push(`ice ${(iceServers ?? []).map(({ urls }) => String(urls)).join(' ')}`)
  }
  getStats(): Promise<Map<string, unknown>> {
    return Promise.resolve(new Map(Object.entries(this.report)))
  }
  close(): void {
    this.done.push('closed')
  }
  become(state: RTCPeerConnectionState): void {
    this.connectionState = state
    this.onconnectionstatechange?.()
  }
  /** Counters of a receiver that has had so many frames. */
  frames(count: number, timestamp: number): void {
    this.report = {
      video: { type: 'inbound-rtp', kind: 'video', timestamp, framesReceived: count, framesDecoded: count },
    }
  }
  get real(): RTCPeerConnection {
    return this as unknown as RTCPeerConnection
  }
}
