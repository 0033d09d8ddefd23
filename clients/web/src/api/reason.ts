export type Values = Readonly<Record<string, string | number | null>>

/** Why something is as it is: a code that every language has words for, and what fills them. */
export interface Reason {
  readonly code: string
  readonly values: Values
}
