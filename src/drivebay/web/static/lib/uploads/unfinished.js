/** Uploads in parts that a reload or a closed tab has interrupted. They continue when the same file is chosen again. */
import { session } from '../session.js';
import { signal } from '../ui.js';

/**
 * @typedef {{id: string, user: string, name: string, size: number, modified: number, parent: string,
 *   drive: string | null}} Unfinished
 */

const KEY = 'drivebay-uploads';

/** The unfinished uploads of earlier pages. @type {import('../ui.js').Signal<Unfinished[]>} */
export const unfinished = signal(read());

/** @param {Unfinished} record */
export function remember(record) {
  write([...read().filter(({ id }) => id !== record.id), record]);
}

/** @param {string} id */
export function forget(id) {
  const isOther = (/** @type {Unfinished} */ record) => record.id !== id;
  const records = read();
  // Most files are sent in one piece and have no record. Then nothing is written or rendered.
  if (!records.every(isOther)) write(records.filter(isOther));
  if (!unfinished.value.every(isOther)) unfinished.value = unfinished.value.filter(isOther);
}

/**
 * Return the unfinished upload of a file, or null.
 *
 * @param {File} file
 * @param {string} parent
 * @param {string | null} drive
 */
export function findUnfinished(file, parent, drive) {
  const isSame = (/** @type {Unfinished} */ record) =>
    matches(record, file) && record.parent === parent && record.drive === drive;
  return unfinished.value.find((record) => record.user === session.value?.id && isSame(record)) ?? null;
}

/**
 * @param {Unfinished} record
 * @param {File} file
 * @returns {boolean} whether it is the same file, as far as a browser can tell
 */
export function matches(record, file) {
  return record.name === file.name && record.size === file.size && record.modified === file.lastModified;
}

/** @returns {Unfinished[]} */
function read() {
  try {
    const stored = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    return Array.isArray(stored) ? stored : [];
  } catch {
    return [];
  }
}

/** @param {Unfinished[]} records */
function write(records) {
  localStorage.setItem(KEY, JSON.stringify(records));
}
