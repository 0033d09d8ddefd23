import { problemOf } from '../api/problem'
import type { Client } from '../api/client'
import { save } from '../lib/save'

/** Saves the picture at an address as a file of its camera's name and moment; the server writes down who looked. */
export async function savePicture(client: Client, address: string, camera: string, us: number): Promise<string> {
  const answer = await client.send(address)
  if (!answer.ok) throw await problemOf(answer)
  const name = pictureName(camera, Number(answer.headers.get('Vms-At') ?? us))
  save(name, await answer.blob(), 'image/jpeg')
  return name
}

/** Of letters and digits that any system takes, and the moment in UTC. */
export function pictureName(camera: string, us: number): string {
  const plain = camera.normalize('NFKD').replace(/\p{M}/gu, '').replace(/[^\w-]+/g, '_').replace(/^_+|_+$/g, '')
  return `${plain === '' ? 'camera' : plain}_${new Date(us / 1000).toISOString().replace(/[:.]/g, '-')}.jpg`
}
