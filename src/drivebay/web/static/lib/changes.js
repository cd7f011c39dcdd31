/** Follows the changes of a drive with requests that wait. A hidden tab pauses, and catches up when it is shown. */
import { ApiError, api } from './api.js';
import { noteChanges } from './undo.js';

const WAIT_SECONDS = 50;
const RETRY_MS = 3000;
/** The pause after each page, so that a burst of changes needs few requests. */
const GATHER_MS = 200;

/**
 * @typedef {{what: string, file: import('./folder.js').Item | null, file_id: string, at: string, actor_id: string | null}} Change
 */

/**
 * Call `onChanges` with the changes after `cursor`, in their order, until the returned function is called.
 *
 * @param {string | null} drive id of the drive, null for the personal one
 * @param {string} cursor `changes_cursor` of a listing
 * @param {(changes: Change[]) => void} onChanges
 * @param {() => void} onExpired the cursor is too old: list again
 * @returns {() => void} stops following
 */
export function followChanges(drive, cursor, onChanges, onExpired) {
  const controller = new AbortController();
  void follow(drive, cursor, onChanges, onExpired, controller.signal);
  return () => controller.abort();
}

/**
 * @param {string | null} drive
 * @param {string} cursor
 * @param {(changes: Change[]) => void} onChanges
 * @param {() => void} onExpired
 * @param {AbortSignal} signal
 */
async function follow(drive, cursor, onChanges, onExpired, signal) {
  while (!signal.aborted) {
    await whenVisible(signal);
    try {
      const query = { drive_id: drive, cursor, wait: WAIT_SECONDS, limit: 1000 };
      const page = await api('GET', '/v1/changes', { query, signal });
      if (signal.aborted) return;
      cursor = page.next_cursor;
      if (!page.items.length) continue;
      noteChanges(page.items);
      onChanges(page.items);
      await pause(GATHER_MS, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && error.status === 410) return onExpired();
      if (error instanceof ApiError && [401, 403, 404].includes(error.status)) return;
      await pause(RETRY_MS, signal);
    }
  }
}

/** @param {AbortSignal} signal */
function whenVisible(signal) {
  if (document.visibilityState === 'visible') return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      document.removeEventListener('visibilitychange', done);
      resolve(undefined);
    };
    document.addEventListener('visibilitychange', done);
    signal.addEventListener('abort', done);
  });
}

/**
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 */
function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      resolve(undefined);
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done);
  });
}
