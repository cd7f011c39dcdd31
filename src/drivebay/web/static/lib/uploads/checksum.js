/** SHA-256 digests of files, computed in a Worker. */
import { StoreError } from './send.js';

/** Browsers have `crypto.subtle` only on https and on localhost. Elsewhere uploads have no checksum. */
export const canChecksum = window.isSecureContext;

/**
 * Bytes after which a Worker is replaced by a new one. The bytes that a Worker has read stay in memory until its
 * garbage collector runs, which may be hundreds of MiB later. The end of a Worker frees them.
 */
const BYTES_OF_WORKER = 64 * 2 ** 20;

/**
 * @typedef {{resolve: (digest: string) => void, reject: (error: Error) => void}} Waiting
 * @typedef {{worker: Worker, bytes: number, pending: Map<number, Waiting>}} Hasher
 */

/** The Worker for the next blob. @type {Hasher | null} */
let current = null;
let nextId = 1;
/** @type {unknown} */
let url = null;

/**
 * @param {Blob} blob
 * @returns {Promise<string>} base64. Rejects if the file cannot be read any more, and with StoreError if the Worker could
 *   not be loaded.
 */
export function checksum(blob) {
  current ??= start();
  const { worker, pending } = current;
  const id = nextId++;
  const result = new Promise((resolve, reject) => pending.set(id, { resolve, reject }));
  worker.postMessage({ id, blob });
  current.bytes += blob.size;
  if (current.bytes >= BYTES_OF_WORKER) current = null;
  return /** @type {Promise<string>} */ (result);
}

/** @returns {Hasher} */
function start() {
  url ??= workerUrl();
  const worker = new Worker(/** @type {any} */ (url), { type: 'module' });
  /** @type {Hasher} */
  const hasher = { worker, bytes: 0, pending: new Map() };
  const { pending } = hasher;
  worker.addEventListener('message', ({ data: { id, digest, error } }) => {
    const waiting = pending.get(id);
    pending.delete(id);
    if (error) waiting?.reject(new Error(error));
    else waiting?.resolve(digest);
    if (hasher !== current && pending.size === 0) worker.terminate();
  });
  worker.addEventListener('error', () => {
    if (hasher === current) current = null; // the next blob starts a new Worker, which loads the script again
    worker.terminate();
    for (const { reject } of pending.values()) reject(new StoreError(0));
    pending.clear();
  });
  return hasher;
}

/** The URL of the Worker, which Trusted Types has to allow: it is a constant beside this file. */
function workerUrl() {
  const plain = new URL('./checksum_worker.js', import.meta.url).href;
  const { trustedTypes } = /** @type {any} */ (window);
  if (!trustedTypes) return plain;
  return trustedTypes.createPolicy('drivebay', { createScriptURL: () => plain }).createScriptURL('');
}
