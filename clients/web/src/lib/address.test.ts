import { describe, expect, it } from 'vitest'
import { isPublished, mayBecome, mayBecomeTarget, PUSH_FORM, targetOf, WAYS, wayOf } from './address'

describe('an address of a camera', () => {
  it('is recognised by its scheme, whatever its case', () => {
    for (const way of WAYS) expect(wayOf(way.form)).toBe(way)
    expect(wayOf(' SRT://192.0.2.1:9000')?.credentials).toBe('passphrase')
    expect(wayOf('rtsp')).toBeUndefined()
    expect(wayOf('gopher://192.0.2.1')).toBeUndefined()
    expect(wayOf('')).toBeUndefined()
  })

  it('may still become one while it is typed', () => {
    for (const typed of ['', 'r', 'rts', 'rtsp', 'rtsp+', 'rtsp:', 'file:a.mp4']) expect(mayBecome(typed)).toBe(true)
    for (const typed of ['x', '192.0.2.1', 'gopher://', 'rtspx']) expect(mayBecome(typed)).toBe(false)
  })

  it('may say that the camera calls', () => {
    expect(isPublished('publish:')).toBe(true)
    expect(isPublished('publish:replace')).toBe(true)
    expect(isPublished('rtsp://192.0.2.1/')).toBe(false)
    expect(isPublished(null)).toBe(false)
  })
})

describe('an address that a stream is brought to', () => {
  it('is of SRT alone', () => {
    for (const typed of ['', 's', 'srt', 'SRT://h:1', ' srt://h:1', PUSH_FORM]) expect(mayBecomeTarget(typed)).toBe(true)
    for (const typed of ['r', 'srtp', 'rtmp://h/a', 'h:9000']) expect(mayBecomeTarget(typed)).toBe(false)
  })

  it('is known by its host and port', () => {
    expect(targetOf('srt://192.0.2.30:9000')).toBe('192.0.2.30:9000')
    expect(targetOf('srt://[::1]:9000?streamid=a/b')).toBe('[::1]:9000')
    expect(targetOf('srt://h:9000/x?latency=50')).toBe('h:9000')
  })
})
