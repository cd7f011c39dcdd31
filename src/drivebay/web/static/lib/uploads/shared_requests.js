/**
 * Requests for several uploads. Calls during a running request are sent together in the next request. So many small
 * files need few requests, and a single file does not wait.
 */
import { ApiError, api } from '../api.js';
import { randomKey } from '../random_key.js';
import { withRetries } from './send.js';

/**
 * @typedef {import('./upload.js').Upload} Upload
 * @typedef {{upload: Upload, body: object, remove: (created: any) => Promise<void>}} Begin `remove` removes
 *   the upload of the API after a cancellation
 */

const MAX_ITEMS = 100;
/** After these statuses, nothing was begun. */
const REFUSALS = new Set([400, 403, 404, 409, 413, 422]);
/** For requests that remove what was cancelled. */
const NEVER_ABORTED = new AbortController().signal;

/** @type {Map<string | null, Gatherer<Begin>>} by drive */
const begins = new Map();
/** @type {Map<string | null, Gatherer<Upload>>} by drive */
const completions = new Map();

/**
 * Begin an upload at the API and return it. A call after a lost response returns the upload that was begun.
 *
 * @param {Upload} upload
 * @param {object} body the intent of the upload
 * @param {Begin['remove']} remove
 * @returns {Promise<any>} rejects with ApiError
 */
export function beginUpload(upload, body, remove) {
  if (upload.shared) return upload.shared.resultOf(upload);
  const { drive } = upload.batch.target;
  return gathererOf(begins, drive, sendBegins).submit({ upload, body, remove }, upload.stopping.signal);
}

/**
 * Tell the API that the bytes of an upload are stored.
 *
 * @param {Upload} upload
 * @returns {Promise<any>} rejects with ApiError
 */
export function completeUpload(upload) {
  const gatherer = gathererOf(completions, upload.batch.target.drive, sendCompletions);
  return gatherer.submit(upload, upload.stopping.signal);
}

/**
 * Sends the calls of one kind for one drive, up to `MAX_ITEMS` in each request.
 *
 * @template T
 */
class Gatherer {
  /** @param {(items: T[]) => Promise<any>[]} send returns the result of each item */
  constructor(send) {
    this.send = send;
    /** @type {{item: T, signal: AbortSignal, resolve: (result: any) => void, reject: (error: unknown) => void}[]} */
    this.waiting = [];
    this.isRunning = false;
  }

  /**
   * @param {T} item
   * @param {AbortSignal} signal an item that is aborted before its request begins is left out
   * @returns {Promise<any>} rejects with the reason of `signal`, or as the request does
   */
  submit(item, signal) {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, signal, resolve, reject });
      if (!this.isRunning) void this.#run();
    });
  }

  async #run() {
    this.isRunning = true;
    while (this.waiting.length) {
      const next = this.waiting.splice(0, MAX_ITEMS);
      for (const { signal, reject } of next) if (signal.aborted) reject(signal.reason);
      const some = next.filter(({ signal }) => !signal.aborted);
      if (!some.length) continue;
      const results = this.send(some.map(({ item }) => item));
      await Promise.all(results.map((result, index) => result.then(some[index].resolve, some[index].reject)));
    }
    this.isRunning = false;
  }
}

/** One request that begins uploads. Each upload keeps it, because only a repeat of the same request returns the same result. */
export class SharedBegin {
  /** @param {Begin[]} items */
  constructor(items) {
    this.items = items;
    this.key = randomKey();
    /** @type {Promise<any> | null} */
    this.response = null;
    /** Uploads whose transfer waits for the response. @type {Set<Upload>} */
    this.asking = new Set();
    /** Cancelled uploads. If the transfer of one gets the response, the transfer removes it. @type {Set<Upload>} */
    this.cancelled = new Set();
  }

  /**
   * Return the upload of the API. The request is sent again if its response was lost.
   *
   * @param {Upload} upload
   * @returns {Promise<any>} rejects with ApiError
   */
  async resultOf(upload) {
    this.asking.add(upload);
    this.response ??= this.#send();
    try {
      const result = this.#find((await this.response).items, upload);
      this.cancelled.delete(upload);
      if (!result.error) return result.upload;
      upload.shared = null; // nothing was begun
      throw new ApiError(result.error.status, result.error);
    } finally {
      this.asking.delete(upload);
    }
  }

  /**
   * Cancel an upload: remove what this request has begun for it, or will begin. The other uploads repeat the request
   * unchanged.
   *
   * @param {Upload} upload
   */
  async cancel(upload) {
    this.cancelled.add(upload);
    // No other upload repeats the request if its response was lost. `#send` removes what it has begun.
    if (this.items.every((each) => this.cancelled.has(each.upload)))
      void withRetries(() => (this.response ??= this.#send()), NEVER_ABORTED).catch(() => {});
    const response = await this.response?.catch(() => null);
    if (response) await this.#removeCancelled(response.items);
  }

  /** @param {any[]} results @returns {Promise<void>} rejects with the first error; the other uploads are removed */
  async #removeCancelled(results) {
    /** @type {unknown} */
    let problem = null;
    for (const { upload, remove } of this.items) {
      if (this.asking.has(upload) || !this.cancelled.delete(upload)) continue;
      const created = this.#find(results, upload).upload;
      if (!created) continue;
      await withRetries(() => remove(created), NEVER_ABORTED).catch((error) => (problem ??= error));
    }
    if (problem !== null) throw problem;
  }

  /**
   * @param {any[]} results
   * @param {Upload} upload
   */
  #find(results, upload) {
    return results[this.items.findIndex((each) => each.upload === upload)];
  }

  async #send() {
    const { drive } = this.items[0].upload.batch.target;
    const bodies = this.items.map(({ body }) => body);
    const options = { query: { drive_id: drive }, headers: { 'Idempotency-Key': this.key } };
    try {
      const response =
        bodies.length === 1
          ? { items: [{ upload: await api('POST', '/v1/uploads', { body: bodies[0], ...options }) }] }
          : await api('POST', '/v1/uploads/batch', { body: { uploads: bodies }, ...options });
      void this.#removeCancelled(response.items).catch(() => {}); // such an upload expires
      return response;
    } catch (error) {
      this.response = null;
      const isRefusal = error instanceof ApiError && REFUSALS.has(error.status) && error.code !== 'in_progress';
      if (isRefusal) for (const { upload } of this.items) upload.shared = null;
      throw error;
    }
  }
}

/**
 * @template T
 * @param {Map<string | null, Gatherer<T>>} gatherers
 * @param {string | null} drive
 * @param {(items: T[], drive: string | null) => Promise<any>[]} send
 */
function gathererOf(gatherers, drive, send) {
  const found = gatherers.get(drive) ?? new Gatherer((/** @type {T[]} */ items) => send(items, drive));
  gatherers.set(drive, found);
  return found;
}

/** @param {Begin[]} items */
function sendBegins(items) {
  const shared = new SharedBegin(items);
  return items.map(({ upload }) => {
    upload.shared = shared;
    return shared.resultOf(upload);
  });
}

/**
 * @param {Upload[]} uploads
 * @param {string | null} drive
 */
function sendCompletions(uploads, drive) {
  const query = { drive_id: drive };
  const ids = uploads.map(({ remoteId }) => remoteId);
  if (ids.length === 1) return [api('POST', `/v1/uploads/${ids[0]}/complete`, { query })];
  const response = api('POST', '/v1/uploads/batch/complete', { body: { ids }, query });
  return ids.map(async (_, index) => {
    const { upload, error } = (await response).items[index];
    if (error) throw new ApiError(error.status, error);
    return upload;
  });
}
