/** So many sessions of the page that never connected: its network lets no WebRTC through. */
const FAILURES = 2
/** What was answered and is given up later (ms) had time to connect: browsers say themselves that it failed after 15 s. */
const CONNECTS_WITHIN = 3000

/** What one session by WebRTC tells of the network. */
export interface Trial {
  answered(): void
  connection(state: RTCPeerConnectionState): void
  /** It is closed by us, though the page goes on. */
  givenUp(): void
}

export interface Network {
  /** It lets no WebRTC through. */
  isBlocked(): boolean
  begin(): Trial
}

/** Whether the network lets WebRTC through, as the sessions of the page tell. */
export function makeNetwork(now: () => number): Network {
  let failures = 0
  let everConnected = false

  return {
    isBlocked: () => failures >= FAILURES,
    begin() {
      let answeredAt: number | undefined
      let done = false

      function failed(): void {
        if (!done) failures += 1
        done = true
      }
      return {
        answered() {
          answeredAt = now()
        },
        connection(state) {
          if (state === 'failed') failed()
          if (state !== 'connected') return
          done = everConnected = true
          failures = 0
        },
        givenUp() {
          const hadTime = answeredAt !== undefined && now() - answeredAt > CONNECTS_WITHIN
          // Where one came through, a busy server explains another that did not.
          if (hadTime && !everConnected) failed()
        },
      }
    },
  }
}
