import { recording } from '../api/recording'
import { problemOf } from '../api/problem'
import type { Client } from '../api/client'
import { save } from '../lib/save'

/** The frame of a moment as a file, as large as it was recorded; the server writes down who looked. */
export async function saveFrame(client: Client, camera: { readonly id: string; readonly name: string }, us: number): Promise<string> {
  const answer = await client.send(recording.frame(camera.id, us))
  if (!answer.ok) throw await problemOf(answer)
  const name = frameName(camera.name, Number(answer.headers.get('Vms-At') ?? us))
  save(name, await answer.blob(), 'image/jpeg')
  return name
}

/** Of letters and digits that any system takes, and the moment in UTC. */
export function frameName(camera: string, us: number): string {
  const plain = camera.normalize('NFKD').replace(/\p{M}/gu, '').replace(/[^\w-]+/g, '_').replace(/^_+|_+$/g, '')
  return `${plain === '' ? 'camera' : plain}_${new Date(us / 1000).toISOString().replace(/[:.]/g, '-')}.jpg`
}
