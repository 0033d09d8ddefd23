import type { Timeline } from '../api/recording'
import { scaleOf, spanOf, ticksOf, xOf, type View } from '../lib/timeline'
import { DAY, HOUR, isTwice, SECOND, type Zone } from '../lib/zone'

/** Colours, as the page's style sheet says them. */
export type Paint = Readonly<Record<'ground' | 'line' | 'text' | 'muted' | 'span' | 'held' | 'gap' | 'mark' | 'accent' | 'bad', string>>

export interface Scene {
  readonly view: View
  readonly height: number
  readonly zone: Zone
  readonly language: string
  readonly rows: readonly (Timeline | undefined)[]
  readonly position: number
  readonly now: number
  readonly range: { readonly from_us: number; readonly to_us: number } | undefined
  readonly paint: Paint
}

/** The axis above the rows, in CSS pixels. */
export const AXIS = 26
const LEAST_ROW = 7
const MOST_ROW = 30

export function rowHeight(height: number, rows: number): number {
  return Math.min(MOST_ROW, Math.max(LEAST_ROW, (height - AXIS - 4) / Math.max(1, rows)))
}

/** What so many rows take at least. */
export function leastHeight(rows: number): number {
  return AXIS + 4 + rows * LEAST_ROW
}

/** Which row is at this height; undefined above the first and below the last. */
export function rowAt(y: number, height: number, rows: number): number | undefined {
  const row = Math.floor((y - AXIS) / rowHeight(height, rows))
  return row >= 0 && row < rows ? row : undefined
}

type Canvas = CanvasRenderingContext2D

/** Draws all of it: as much as is in view, so a month costs no more than a minute. */
export function draw(canvas: Canvas, scene: Scene): void {
  const { view, height, paint } = scene
  canvas.clearRect(0, 0, view.width, height)
  canvas.fillStyle = paint.ground
  canvas.fillRect(0, 0, view.width, height)
  drawAxis(canvas, scene)
  const tall = rowHeight(height, scene.rows.length)
  scene.rows.forEach((row, index) => {
    if (row !== undefined) drawRow(canvas, scene, row, AXIS + index * tall, tall - 2)
  })
  drawRange(canvas, scene)
  drawFuture(canvas, scene)
  line(canvas, xOf(view, scene.position), height, paint.accent, 2)
}

function drawAxis(canvas: Canvas, { view, height, zone, language, paint }: Scene): void {
  const { step, all } = ticksOf(view, zone)
  const labels = labelsOf(language, zone, step)
  canvas.font = '11px system-ui, sans-serif'
  canvas.textBaseline = 'middle'
  for (const { us, kind } of all) {
    const x = Math.round(xOf(view, us)) + 0.5
    canvas.strokeStyle = paint.line
    canvas.lineWidth = 1
    canvas.beginPath()
    canvas.moveTo(x, kind === 'minor' ? AXIS - 5 : AXIS - 9)
    canvas.lineTo(x, kind === 'day' ? height : AXIS)
    canvas.stroke()
    if (kind === 'minor') continue
    canvas.fillStyle = kind === 'day' ? paint.text : paint.muted
    canvas.fillText(kind === 'day' ? labels.day(us) : labels.time(us), x + 4, 9)
  }
}

interface Labels {
  day(us: number): string
  time(us: number): string
}

const made = new Map<string, Labels>()

/** Formats are slow to make and quick to use. */
function labelsOf(language: string, zone: Zone, step: number): Labels {
  const fine = step < 60 * SECOND
  const key = `${language} ${zone.name} ${fine} ${step >= DAY}`
  let found = made.get(key)
  if (found === undefined) {
    const day = new Intl.DateTimeFormat(language, { timeZone: zone.name, day: 'numeric', month: 'short' })
    const time = new Intl.DateTimeFormat(language, {
      timeZone: zone.name,
      hourCycle: 'h23',
      hour: '2-digit',
      minute: '2-digit',
      ...(fine ? { second: '2-digit' } : {}),
    })
    found = { day: (us) => day.format(us / 1000), time: (us) => time.format(us / 1000) }
    made.set(key, found)
  }
  return found
}

function drawRow(canvas: Canvas, scene: Scene, row: Timeline, top: number, tall: number): void {
  const { view, paint } = scene
  for (const gap of row.gaps) stretch(canvas, view, gap, top + tall * 0.4, tall * 0.2, paint.gap)
  for (const span of row.spans) {
    stretch(canvas, view, span, top, tall, span.held ? paint.held : paint.span)
    drawDensity(canvas, view, span, top, tall, paint.ground)
    if (span.rebuilt) stretch(canvas, view, span, top + tall - 2, 2, paint.gap)
  }
  canvas.fillStyle = paint.mark
  for (const mark of row.marks) {
    const x = xOf(view, mark.at_us)
    if (mark.to_us !== null) stretch(canvas, view, { from_us: mark.at_us, to_us: mark.to_us }, top, 3, paint.mark)
    if (mark.kind !== 'bookmark' || x < 0 || x > view.width) continue
    canvas.beginPath()
    canvas.moveTo(x - 4, top)
    canvas.lineTo(x + 4, top)
    canvas.lineTo(x, top + Math.min(tall, 8))
    canvas.fill()
  }
}

/** Key frames that are few show as a thinner bar: what was thinned is not whole. */
function drawDensity(canvas: Canvas, view: View, span: Timeline['spans'][number], top: number, tall: number, ground: string): void {
  const seconds = (span.to_us - span.from_us) / SECOND
  // Stills, or key frames minutes apart; a camera sends one every few seconds.
  if (seconds < 60 || span.keys === 0 || seconds / span.keys < 20) return
  stretch(canvas, view, span, top, tall * 0.35, ground)
}

function stretch(canvas: Canvas, view: View, of: { from_us: number; to_us: number }, top: number, tall: number, paint: string): void {
  const from = Math.max(0, xOf(view, of.from_us))
  const to = Math.min(view.width, xOf(view, of.to_us))
  if (to < 0 || from > view.width) return
  canvas.fillStyle = paint
  // The shortest thing is still seen.
  canvas.fillRect(from, top, Math.max(1, to - from), tall)
}

function drawRange(canvas: Canvas, { view, height, range, paint }: Scene): void {
  if (range === undefined) return
  canvas.globalAlpha = 0.22
  stretch(canvas, view, range, 0, height, paint.accent)
  canvas.globalAlpha = 1
}

function drawFuture(canvas: Canvas, { view, height, now, paint }: Scene): void {
  const x = xOf(view, now)
  if (x >= view.width) return
  canvas.globalAlpha = 0.5
  stretch(canvas, view, { from_us: now, to_us: view.to }, 0, height, paint.line)
  canvas.globalAlpha = 1
  line(canvas, x, height, paint.bad, 1)
}

function line(canvas: Canvas, x: number, height: number, paint: string, width: number): void {
  if (x < 0) return
  canvas.fillStyle = paint
  canvas.fillRect(Math.round(x - width / 2), 0, width, height)
}

/** A moment as one says it while pointing at it: finer where one sees finer. */
export function momentText(us: number, view: View, zone: Zone, language: string): string {
  const fine = scaleOf(view) < SECOND / 20
  const date = spanOf(view) > 6 * HOUR
  const format = new Intl.DateTimeFormat(language, {
    timeZone: zone.name,
    ...(date ? { weekday: 'short', day: 'numeric', month: 'short' } : {}),
    hourCycle: 'h23',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    ...(fine ? { fractionalSecondDigits: 2 as const } : {}),
    // Of an hour that the clock shows twice the offset tells which one is meant.
    ...(isTwice(us, zone) ? { timeZoneName: 'shortOffset' as const } : {}),
  })
  return format.format(us / 1000)
}
