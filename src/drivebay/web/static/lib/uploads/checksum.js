/** SHA-256 digests of files, computed in a Worker. */

/** Browsers have `crypto.subtle` only on https and on localhost. Elsewhere uploads go without a checksum. */
export const canChecksum = window.isSecureContext;

/** @type {Worker | null} */
let worker = null;
/** @type {Map<number, {resolve: (digest: string) => void, reject: (error: Error) => void}>} */
const pending = new Map();
let nextId = 1;

/**
 * @param {Blob} blob
 * @returns {Promise<string>} base64. Rejects if the file cannot be read any more.
 */
export function checksum(blob) {
  worker ??= start();
  const id = nextId++;
  const result = new Promise((resolve, reject) => pending.set(id, { resolve, reject }));
  worker.postMessage({ id, blob });
  return /** @type {Promise<string>} */ (result);
}

function start() {
  const started = new Worker(/** @type {any} */ (workerUrl()), { type: 'module' });
  started.addEventListener('message', ({ data: { id, digest, error } }) => {
    const waiting = pending.get(id);
    pending.delete(id);
    if (error) waiting?.reject(new Error(error));
    else waiting?.resolve(digest);
  });
  return started;
}

/** The URL of the Worker, which Trusted Types has to allow: it is a constant beside this file. */
function workerUrl() {
  const url = new URL('./checksum_worker.js', import.meta.url).href;
  const { trustedTypes } = /** @type {any} */ (window);
  if (!trustedTypes) return url;
  return trustedTypes.createPolicy('drivebay', { createScriptURL: () => url }).createScriptURL('');
}
