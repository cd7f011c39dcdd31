/** A Worker that computes SHA-256 digests, one blob at a time, so that only one is in memory. */

/** @type {Promise<unknown>} */
let last = Promise.resolve();

self.addEventListener('message', ({ data: { id, blob } }) => {
  last = last.then(async () => {
    try {
      const digest = await crypto.subtle.digest('SHA-256', await blob.arrayBuffer());
      self.postMessage({ id, digest: btoa(String.fromCharCode(...new Uint8Array(digest))) });
    } catch (error) {
      self.postMessage({ id, error: String(error) });
    }
  });
});
