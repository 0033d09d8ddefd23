/** The page that verifies files without a server. */
export const VERIFIER = '/verify.html'

/** What it says to who opened it, once it can take a file. */
const READY = 'vms-verify-ready'
const FILE = 'vms-verify-file'

/** Opens the verifier with a file; false where the browser lets no window be opened. */
export function verifyFile(file: File, open: () => Window | null = () => window.open(VERIFIER, '_blank')): boolean {
  const page = open()
  if (page === null) return false
  const answer = (event: MessageEvent<unknown>) => {
    if (event.source !== page || event.origin !== location.origin || event.data !== READY) return
    removeEventListener('message', answer)
    page.postMessage({ kind: FILE, file }, location.origin)
  }
  addEventListener('message', answer)
  return true
}
