/** Sends the bytes of one upload, in one piece or in parts, for people with an account and for those with a link. */
import { checksum } from './checksum.js';
import { send, withRetries } from './send.js';

const PARALLEL_PARTS = 4;

/**
 * @typedef {(method: string, rest: string, body?: object) => Promise<any>} UploadCall calls the API of one upload; `rest`
 *   is the path after its id
 */

/**
 * Send a file in one piece.
 *
 * @param {UploadCall} call
 * @param {import('./send.js').SignedRequest} first
 * @param {File} file
 * @param {(sent: number) => void} onProgress
 * @param {AbortSignal} signal
 * @returns {Promise<void>} rejects with ApiError, StoreError, or the reason of `signal`
 */
export function sendWhole(call, first, file, onProgress, signal) {
  let request = first;
  const put = async () => {
    try {
      await send(request, file, onProgress, signal);
    } catch (error) {
      signal.throwIfAborted();
      // The store may have the bytes although its response was lost or the signature has expired.
      const remote = await call('GET', '');
      if (remote.status === 'complete') return;
      if (remote.url) request = remote;
      const isStored = await call('POST', '/complete').then(
        () => true,
        () => false,
      );
      if (!isStored) throw error;
    }
  };
  return withRetries(put, signal);
}

/**
 * Send the parts that the store does not have. Each part is signed when it is sent. After a failure, the call stops the
 * other parts first, and then rejects.
 *
 * @param {UploadCall} call
 * @param {{part_size: number, part_count: number}} layout
 * @param {File} file
 * @param {{stored: Map<number, number>, withChecksums: boolean}} options `stored` has the bytes by part. The call adds the parts that it sends
 * @param {(sent: number) => void} onProgress
 * @param {AbortSignal} signal
 * @returns {Promise<void>} rejects as `sendWhole` does
 */
export async function sendParts(call, layout, file, { stored, withChecksums }, onProgress, signal) {
  const { part_size: size, part_count: count } = layout;
  const failing = new AbortController();
  const stopping = AbortSignal.any([signal, failing.signal]);
  const sent = new Map(stored);
  const report = (/** @type {number} */ number, /** @type {number} */ bytes) => {
    sent.set(number, bytes);
    onProgress([...sent.values()].reduce((sum, each) => sum + each, 0));
  };
  const waiting = Array.from({ length: count }, (_, index) => index + 1).filter((number) => !stored.has(number));
  const sendNext = async () => {
    for (let number = waiting.shift(); number !== undefined; number = waiting.shift()) {
      const part = number;
      const blob = file.slice((part - 1) * size, part * size);
      /** @type {string | undefined} */
      let sha256;
      const put = async () => {
        if (withChecksums) sha256 ??= await checksum(blob);
        const { parts } = await call('POST', '/parts', { parts: [{ number: part, sha256 }] });
        await send(parts[0], blob, (bytes) => report(part, bytes), stopping);
      };
      await withRetries(put, stopping);
      stored.set(part, blob.size);
      report(part, blob.size);
    }
  };
  const workers = Array.from({ length: PARALLEL_PARTS }, () =>
    sendNext().catch((error) => {
      failing.abort(error);
      throw error;
    }),
  );
  await Promise.allSettled(workers);
  await Promise.all(workers);
}
