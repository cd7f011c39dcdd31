/** One upload of this tab, and the batch of a drop that it belongs to. */
import { randomKey } from '../random_key.js';
import { signal } from '../ui.js';

/**
 * @typedef {'waiting' | 'sending' | 'paused' | 'done' | 'failed' | 'cancelled' | 'skipped'} Status
 * @typedef {'fail' | 'replace' | 'rename'} OnConflict
 * @typedef {{id: string, drive: string | null}} Target the folder that was dropped into
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
    /** Whether it goes in one piece, so that it cannot be continued after a reload. False before that is known. */
    this.isWhole = false;
    /** What the request that begins it does with a name that is taken, '' before the first. @type {OnConflict | ''} */
    this.rule = '';
    /** The same for each try, so that a lost answer begins no second upload. */
    this.key = randomKey();
    /** The request that began it together with other uploads. @type {import('./shared_requests.js').SharedBegin | null} */
    this.shared = null;
    this.stopping = new AbortController();
    /** Whether a transfer of it runs. One that was paused may need a moment to end. */
    this.isRunning = false;
  }

  /** Make the next request that begins it another one, and not the same again. */
  renew() {
    this.key = randomKey();
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
