// Runs the verifier beside the page, where files can be read while it waits.
self.onmessage = async ({ data: { program, files, pin } }) => {
  const reader = new FileReaderSync()
  let memory
  const imports = {
    files: {
      size: (file) => files[file].size,
      read: (file, offset, into, count) => {
        try {
          const bytes = reader.readAsArrayBuffer(files[file].slice(offset, offset + count))
          if (bytes.byteLength !== count) return 0
          new Uint8Array(memory.buffer, into, count).set(new Uint8Array(bytes))
          return 1
        } catch {
          // The file is gone or may not be read: the verifier says so.
          return 0
        }
      },
    },
  }
  try {
    const { instance } = await WebAssembly.instantiate(program, imports)
    memory = instance.exports.memory
    const names = files.map(({ name }) => ({ name }))
    const request = new TextEncoder().encode(JSON.stringify({ files: names, pin }))
    const at = instance.exports.allocate(request.length)
    new Uint8Array(memory.buffer, at, request.length).set(request)
    const answer = instance.exports.verify(at, request.length)
    const length = new DataView(memory.buffer).getUint32(answer, true)
    self.postMessage(JSON.parse(new TextDecoder().decode(new Uint8Array(memory.buffer, answer + 4, length))))
  } catch (error) {
    self.postMessage({ error: ['unreadable', String(error)] })
  }
}
