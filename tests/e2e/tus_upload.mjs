// Sends one file with tus-js-client, breaking off by itself now and then, and prints what became of it as JSON.
//
// Its argument is JSON: where the client is installed, the API, the token, the file, options of the client, after how
// many bytes to break off (each once), and from which byte on to use the `calm` API.
import { createRequire } from 'node:module'
import { createReadStream } from 'node:fs'
import { PassThrough } from 'node:stream'

const asked = JSON.parse(process.argv[2])
const tus = createRequire(asked.installed + '/index.js')('tus-js-client')
const accepted = []
let paused = false
const breaks = [...asked.breaks].sort((a, b) => a - b)

const keep = (offset) => {
  accepted.push(offset)
  if (offset >= asked.calmFrom) upload.url = upload.url.replace(asked.api, asked.calm)
}

// Of a file the client would tell a length after all, and a wrong one for the last chunk (4.3.1).
const file = createReadStream(asked.file)
const upload = new tus.Upload(asked.options.uploadLengthDeferred ? file.pipe(new PassThrough()) : file, {
  endpoint: `${asked.api}/v1/tus`,
  // With a key a creation whose answer was lost is found again, instead of leaving an upload that nobody goes on with.
  headers: { Authorization: `Bearer ${asked.token}`, 'Idempotency-Key': asked.key },
  metadata: { filename: asked.name, filetype: 'application/x-film' },
  retryDelays: Array(500).fill(20),
  ...asked.options,
  onChunkComplete: (_, offset) => keep(offset),
  onProgress: (sent) => {
    if (paused || breaks.length === 0 || sent < breaks[0]) return
    breaks.shift()
    paused = true
    upload.abort()
    // Not at once: the client would take what becomes of its old request for the new one's.
    setTimeout(() => {
      paused = false
      upload.start()
    }, 300)
  },
  onAfterResponse: (request, response) => {
    if (request.getMethod() === 'HEAD' && response.getStatus() === 200)
      keep(Number(response.getHeader('Upload-Offset')))
  },
  onSuccess: () => {
    console.log(JSON.stringify({ url: upload.url, accepted, left: breaks.length }))
    process.exit(0)
  },
  onError: (error) => {
    console.error(String(error))
    process.exit(1)
  },
})
upload.start()
