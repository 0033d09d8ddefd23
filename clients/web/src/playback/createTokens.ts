import { recording } from '../api/recording'
import type { StreamName } from '../api/streams'
import { DAY } from '../lib/zone'
import { makeToken, type PlaybackToken } from '../player/groups'
import type { App } from '../ui/app'

/** An address opens this much of the past, and what is recorded while it is in force. */
const BACK = 366 * DAY
const AHEAD = DAY / 24

/** The addresses by which recordings are opened */
export function makeTokens(app: App): (camera: string, stream: StreamName) => PlaybackToken {
  const held = new Map<string, PlaybackToken>()
  return (camera, stream) => {
    const name = `${camera}/${stream}`
    let token = held.get(name)
    if (token === undefined) {
      let renew = false
      token = makeToken(async () => {
        const now = Date.now() * 1000
        const signed = await recording.address(app.client, camera, stream, now - BACK, now + AHEAD, renew)
        renew = true
        return signed
      })
      held.set(name, token)
    }
    return token
  }
}
