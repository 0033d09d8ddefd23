/** A stretch of time that was chosen. */
export interface Range {
  readonly from_us: number
  readonly to_us: number
}
