import type { StreamStatus } from './streams'

/** A live sub-stream, with what a test wants otherwise. */
export function streamStatus(change: Partial<StreamStatus> = {}): StreamStatus {
  return {
    camera: 'gate',
    stream: 'sub',
    state: 'live',
    reason: null,
    codec: 'h264',
    width: 640,
    height: 360,
    fps: 25,
    bitrate: 500_000,
    readers: 0,
    drops: 0,
    ...change,
  }
}

export function jsonAnswer(body: unknown, init: ResponseInit = {}): Response {
  return new Response(JSON.stringify(body), init)
}
