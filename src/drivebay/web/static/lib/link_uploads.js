/** Uploads into the folder of a link: straight to the store, three files at once, large ones in parts. */

import { randomKey } from './random_key.js';
import { signal } from './ui.js';
import { canChecksum } from './uploads/checksum.js';
import { withRetries } from './uploads/send.js';
import { sendParts, sendWhole } from './uploads/send_file.js';

const FILES_AT_ONCE = 3;

/**
 * @typedef {"waiting" | "sending" | "done" | "failed" | "cancelled"} UploadState
 * @typedef {(method: string, path: string, options?: object) => Promise<any>} Call
 *
 * @typedef {object} Remote the state at the API with which a retry continues
 * @property {string} id of the upload at the API, '' before it has begun
 * @property {string} key the idempotency key, the same for each attempt, so that a lost response begins no second upload
 * @property {Map<number, number>} stored bytes by part that the store has
 *
 * @typedef {{key: number, file: File, parent: string, state: UploadState, sent: number, error: unknown,
 *   abort: AbortController, remote: Remote}} LinkUpload
 */

export class LinkUploads {
  /**
   * @param {Call} call  calls the API of the link
   * @param {() => void} onDone  is called after each file
   */
  constructor(call, onDone) {
    this.call = call;
    this.onDone = onDone;
    this.items = signal(/** @type {LinkUpload[]} */ ([]));
    this.running = 0;
    this.next = 1;
  }

  /** Whether an upload waits or runs, which closing the page would lose. */
  get busy() {
    return this.items.value.some((item) => item.state === 'waiting' || item.state === 'sending');
  }

  /**
   * @param {Iterable<File>} files
   * @param {string} parent  a folder of the link, or `root`
   */
  add(files, parent) {
    const added = [...files].map((file) => ({
      key: this.next++,
      file,
      parent,
      state: /** @type {UploadState} */ ('waiting'),
      sent: 0,
      error: null,
      abort: new AbortController(),
      remote: newRemote(),
    }));
    this.items.value = [...this.items.value, ...added];
    this.#start();
  }

  /** @param {number} key */
  cancel(key) {
    const item = this.items.value.find((each) => each.key === key);
    item?.abort.abort();
    this.#change(key, { state: 'cancelled' });
  }

  /** Try an upload again, and send only the bytes that the store does not have. @param {number} key */
  retry(key) {
    this.#change(key, { state: 'waiting', error: null, abort: new AbortController() });
    this.#start();
  }

  #start() {
    while (this.running < FILES_AT_ONCE) {
      const item = this.items.value.find((each) => each.state === 'waiting');
      if (item === undefined) return;
      this.running += 1;
      this.#change(item.key, { state: 'sending' });
      this.#send(item).finally(() => {
        this.running -= 1;
        this.#start();
      });
    }
  }

  /** @param {LinkUpload} item */
  async #send(item) {
    const { key, file, abort, remote } = item;
    const stopping = abort.signal;
    const show = (/** @type {number} */ sent) => this.#change(key, { sent });
    try {
      const upload = await withRetries(() => this.#begin(item), stopping);
      if (upload.status === 'pending') {
        /** @type {import('./uploads/send_file.js').UploadCall} */
        const call = (method, rest, body) => this.call(method, `/uploads/${upload.id}${rest}`, { body });
        const options = { stored: remote.stored, withChecksums: canChecksum };
        if (upload.part_count) await sendParts(call, upload, file, options, show, stopping);
        else await sendWhole(call, upload, file, show, stopping);
        await withRetries(() => call('POST', '/complete'), stopping);
      }
      this.#change(key, { state: 'done', sent: file.size });
      this.onDone();
    } catch (error) {
      if (!stopping.aborted) this.#change(key, { state: 'failed', error });
    }
  }

  /**
   * Return the upload of the API: that of an earlier attempt, or a new one.
   *
   * @param {LinkUpload} item
   * @returns {Promise<any>}
   */
  async #begin({ file, parent, remote }) {
    if (remote.id) {
      const known = await this.call('GET', `/uploads/${remote.id}`).catch(ifMissing);
      if (known?.status === 'pending' || known?.status === 'complete') return known;
      Object.assign(remote, newRemote());
    }
    const body = {
      name: file.name,
      size: file.size,
      content_type: file.type || 'application/octet-stream',
      parent_id: parent,
      on_conflict: 'rename',
    };
    const upload = await this.call('POST', '/uploads', { body, headers: { 'Idempotency-Key': remote.key } });
    remote.id = upload.id;
    return upload;
  }

  /**
   * @param {number} key
   * @param {Partial<LinkUpload>} change
   */
  #change(key, change) {
    this.items.value = this.items.value.map((item) =>
      item.key === key && (item.state !== 'cancelled' || change.state === 'waiting') ? { ...item, ...change } : item,
    );
  }
}

/** @returns {Remote} */
function newRemote() {
  return { id: '', key: randomKey(), stored: new Map() };
}

/** @param {any} error */
function ifMissing(error) {
  if (error?.status === 404) return null;
  throw error;
}
