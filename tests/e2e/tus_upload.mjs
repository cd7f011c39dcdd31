// Uploads one file with tus-js-client, aborts and resumes it at given offsets, and prints the result as JSON.
//
// The argument is JSON: the folder of the client, the URL of the API, the token, the file, the client's options, the
// offsets at which to abort (each once), and the offset from which on to use the `calm` API.
import { createRequire } from 'node:module'
import { createReadStream } from 'node:fs'
import { PassThrough } from 'node:stream'

const args = JSON.parse(process.argv[2])
const tus = createRequire(args.installed + '/index.js')('tus-js-client')
const accepted = []
let paused = false
const breaks = [...args.breaks].sort((a, b) => a - b)

const recordOffset = (offset) => {
  accepted.push(offset)
  if (offset >= args.calmFrom) upload.url = upload.url.replace(args.api, args.calm)
}

// With a file, tus-js-client 4.3.1 sends a length although it is deferred, and a wrong one for the last chunk.
const file = createReadStream(args.file)
const upload = new tus.Upload(args.options.uploadLengthDeferred ? file.pipe(new PassThrough()) : file, {
  endpoint: `${args.api}/v1/tus`,
  // With a key, a repeated creation finds the first upload when its response was lost.
  headers: { Authorization: `Bearer ${args.token}`, 'Idempotency-Key': args.key },
  metadata: { filename: args.name, filetype: 'application/x-film' },
  retryDelays: Array(500).fill(20),
  ...args.options,
  onChunkComplete: (_, offset) => recordOffset(offset),
  onProgress: (sent) => {
    if (paused || breaks.length === 0 || sent < breaks[0]) return
    breaks.shift()
    paused = true
    upload.abort()
    // Wait: the client would take the events of the aborted request for those of the new one.
    setTimeout(() => {
      paused = false
      upload.start()
    }, 300)
  },
  onAfterResponse: (request, response) => {
    if (request.getMethod() === 'HEAD' && response.getStatus() === 200)
      recordOffset(Number(response.getHeader('Upload-Offset')))
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
