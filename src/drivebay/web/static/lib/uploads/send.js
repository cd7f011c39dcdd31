/** Sends bytes to signed URLs of the store, with progress, and again after a lost connection. */
import { ApiError } from '../api.js';

const DELAYS_MS = [1000, 2000, 4000, 8000, 15_000, 30_000];

/** The store refused the bytes. `status` 0 means a lost connection. */
export class StoreError extends Error {
  /** @param {number} status */
  constructor(status) {
    super(`the store responded with the status ${status}`);
    this.status = status;
  }
}

/**
 * @typedef {{method: string, url: string, headers: Record<string, string>}} SignedRequest
 */

/**
 * Send a blob.
 *
 * @param {SignedRequest} request
 * @param {Blob} blob
 * @param {(sent: number) => void} onProgress bytes of this blob
 * @param {AbortSignal} signal
 * @returns {Promise<void>} rejects with StoreError, or the reason of `signal`
 */
export function send({ method, url, headers }, blob, onProgress, signal) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    // `fetch` does not report the progress of a request.
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    signal.addEventListener('abort', abort);
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener('progress', (event) => onProgress(event.loaded));
    request.addEventListener('loadend', () => {
      signal.removeEventListener('abort', abort);
      if (signal.aborted) reject(signal.reason);
      else if (request.status >= 200 && request.status < 300) resolve();
      else reject(new StoreError(request.status));
    });
    request.send(blob);
  });
}

/**
 * Run an action, again after temporary failures: a lost connection, a busy server, an expired signature.
 *
 * @template T
 * @param {() => Promise<T>} action signs a new URL each time
 * @param {AbortSignal} signal
 * @returns {Promise<T>}
 */
export async function withRetries(action, signal) {
  for (let attempt = 0; ; attempt += 1) {
    signal.throwIfAborted();
    try {
      return await action();
    } catch (error) {
      signal.throwIfAborted();
      if (!isTransient(error) || attempt >= DELAYS_MS.length) throw error;
      const after = error instanceof ApiError && error.retryAfter ? error.retryAfter * 1000 : DELAYS_MS[attempt];
      await pause(after, signal);
    }
  }
}

/** @param {unknown} error */
function isTransient(error) {
  if (error instanceof StoreError) return error.status === 0 || error.status === 403 || error.status >= 500;
  if (!(error instanceof ApiError)) return false;
  // `in_progress`: the earlier request, whose response was lost, still runs.
  return [0, 429, 503].includes(error.status) || error.code === 'in_progress';
}

/**
 * Wait. The wait ends early when the browser is online again.
 *
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 */
function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      window.removeEventListener('online', done);
      signal.removeEventListener('abort', done);
      resolve(undefined);
    };
    const timer = setTimeout(done, milliseconds);
    window.addEventListener('online', done);
    signal.addEventListener('abort', done);
  });
}
