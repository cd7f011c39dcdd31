/** One upload of this tab. */
import { signal } from '../ui.js';

/**
 * @typedef {'waiting' | 'sending' | 'paused' | 'done' | 'failed' | 'cancelled' | 'skipped'} Status
 * @typedef {'fail' | 'replace' | 'rename'} OnConflict
 * @typedef {{id: string, drive: string | null}} Target the folder into which the files are uploaded
 */

let nextId = 1;

export class Upload {
  /**
   * @param {File} file
   * @param {string[]} folders names of the folders between the target and the file
   * @param {import('./batch.js').Batch} batch
   */
  constructor(file, folders, batch) {
    this.id = nextId++;
    this.file = file;
    this.folders = folders;
    this.batch = batch;
    /** @type {import('../ui.js').Signal<Status>} */
    this.status = signal(/** @type {Status} */ ('waiting'));
    /** Bytes that the store has, or that are on their way. */
    this.sent = signal(0);
    /** @type {import('../ui.js').Signal<unknown>} */
    this.error = signal(null);
    /** Id of the upload at the API, '' before it has begun. */
    this.remoteId = '';
    /** Whether the file is sent in one piece, so that a reload ends the upload. False until this is known. */
    this.isWhole = false;
    /** The rule for a taken name in the request that begins the upload, '' before the first request. @type {OnConflict | ''} */
    this.rule = '';
    /** The request that began this upload, and maybe others. @type {import('./shared_requests.js').SharedBegin | null} */
    this.shared = null;
    this.stopping = new AbortController();
    /** Whether `transfer` runs for this upload. After a pause it may need a moment to end. */
    this.isRunning = false;
  }

  /** Let the next request begin another upload, instead of repeating the last request. */
  renew() {
    this.shared = null;
    this.rule = '';
  }

  get name() {
    return this.file.name;
  }

  get isActive() {
    return this.status.value === 'waiting' || this.status.value === 'sending';
  }
}
