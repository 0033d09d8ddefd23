import { addressOf, given, type Client, type Query } from './client'
import { problemOf } from './problem'

/** Fetches a file as a whole, so that a refusal is told on the page and not by a file that holds it. */
export async function download(client: Client, path: string, query: Query): Promise<Blob> {
  const answer = await client.send(addressOf(path, given(query)))
  if (!answer.ok) throw await problemOf(answer)
  return answer.blob()
}
