/** A part of a picture that fills the whole of its place. */
export interface Zoomed {
  /** 1: the whole picture. */
  readonly scale: number
  /** What of the picture is at the left and at the top, from 0 to 1. */
  readonly x: number
  readonly y: number
}

export const WHOLE: Zoomed = { scale: 1, x: 0, y: 0 }
/** More shows nothing but the grain of the picture. */
export const LARGEST = 12
/** One turn of the wheel, or one key. */
export const ZOOM_STEP = 1.25

const within = (value: number, most: number) => Math.min(Math.max(value, 0), most)

function placed(scale: number, x: number, y: number): Zoomed {
  const most = 1 - 1 / scale
  return scale <= 1 ? WHOLE : { scale, x: within(x, most), y: within(y, most) }
}

/** Larger or smaller; what is at this place, from 0 to 1, stays there. */
export function zoomPicture({ scale, x, y }: Zoomed, factor: number, atX = 0.5, atY = 0.5): Zoomed {
  const next = Math.min(Math.max(scale * factor, 1), LARGEST)
  return placed(next, x + atX / scale - atX / next, y + atY / scale - atY / next)
}

/** Moved by parts of its place. */
export function movePicture({ scale, x, y }: Zoomed, byX: number, byY: number): Zoomed {
  return placed(scale, x - byX / scale, y - byY / scale)
}

/** As a style sheet says it; undefined for the whole picture. */
export function transformOf({ scale, x, y }: Zoomed): string | undefined {
  return scale === 1 ? undefined : `scale(${scale}) translate(${-x * 100}%, ${-y * 100}%)`
}
