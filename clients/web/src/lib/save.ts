/** Hands a file to the browser, which asks where to put it or puts it among the downloads. */
export function save(name: string, content: BlobPart, type = 'text/plain'): void {
  const address = URL.createObjectURL(new Blob([content], { type }))
  const link = document.createElement('a')
  link.href = address
  link.download = name
  link.click()
  // The browser has taken the content by the next turn of the loop.
  setTimeout(() => {
    URL.revokeObjectURL(address)
  })
}
