import type { Reason, Values } from './reason'

/** A refusal by the server (RFC 9457), or a network that did not answer. */
export class Problem extends Error {
  constructor(
    /** HTTP status; 0 when there was no answer. */
    readonly status: number,
    readonly reason: Reason,
  ) {
    super(`${status} ${reason.code}`)
    this.name = 'Problem'
  }
}

interface Body {
  readonly code?: unknown
  readonly reason?: { readonly code?: unknown; readonly values?: unknown }
  readonly values?: unknown
  readonly detail?: unknown
  readonly title?: unknown
}

/** Reads a refusal; a body that is no problem body still gives a reason. */
export async function problemOf(answer: Response): Promise<Problem> {
  const body = await bodyOf(answer)
  const code = textOf(body.reason?.code) ?? textOf(body.code) ?? 'refused'
  const detail = textOf(body.detail) ?? textOf(body.title) ?? answer.statusText
  const values = valuesOf(body.reason?.values ?? body.values)
  return new Problem(answer.status, { code, values: { detail, status: answer.status, ...waitOf(answer), ...values } })
}

/** How many seconds a client is asked to wait. */
function waitOf(answer: Response): Values {
  const seconds = Number(answer.headers.get('Retry-After') ?? NaN)
  return Number.isFinite(seconds) ? { wait_s: seconds } : {}
}

/** No answer at all: the server is down or the path to it is. */
export function noAnswer(): Problem {
  return new Problem(0, { code: 'server_unreachable', values: {} })
}

async function bodyOf(answer: Response): Promise<Body> {
  try {
    const body: unknown = await answer.json()
    return typeof body === 'object' && body !== null ? body : {}
  } catch {
    // Not JSON: a proxy's page, say. The status is then all there is to tell.
    return {}
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function valuesOf(value: unknown): Values {
  return typeof value === 'object' && value !== null ? (value as Values) : {}
}
