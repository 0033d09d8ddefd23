import { createMemo, type JSX } from 'solid-js'
import { qrMatrix, qrPath } from '../lib/qr'

/** The modules of the edge that a reader needs to find the code. */
const QUIET = 4

export function QrCode(props: { readonly text: string; readonly label: string }): JSX.Element {
  const matrix = createMemo(() => qrMatrix(props.text))
  const size = () => matrix().length + 2 * QUIET
  return (
    <svg class="qr" viewBox={`0 0 ${size()} ${size()}`} role="img" aria-label={props.label} shape-rendering="crispEdges">
      <rect width={size()} height={size()} fill="#fff" />
      <path d={qrPath(matrix(), QUIET)} fill="#000" />
    </svg>
  )
}
