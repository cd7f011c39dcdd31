/** The space that the folders at the top of the personal drive use, with everything in them. */
import { api } from './api.js';

/** The maximum number of folders that are measured one by one. */
const MAX_FOLDERS = 100;
/** The maximum number of requests at once. */
const AT_ONCE = 4;

/** @typedef {{bytes: number, files: number, folders: number}} Size */

/**
 * Measure the folders at the top of the personal drive.
 *
 * @param {AbortSignal} signal
 * @returns {Promise<{folders: {id: string, name: string, size: Size}[], omitted: number, top: number, all: number}>} the
 *   folders, the largest first, the number of known folders that are not measured, the bytes at the top that are in none
 *   of `folders`, and the bytes of all files outside the trash; rejects with ApiError
 */
export async function loadFolderUsage(signal) {
  const found = await listFolders(signal);
  const measured = found.slice(0, MAX_FOLDERS);
  const all = await sizeOf('root', signal);
  const folders = [];
  for (let index = 0; index < measured.length; index += AT_ONCE) {
    const some = measured.slice(index, index + AT_ONCE);
    const sizes = await Promise.all(some.map(({ id }) => sizeOf(id, signal)));
    folders.push(...some.map(({ id, name }, position) => ({ id, name, size: sizes[position] })));
  }
  folders.sort((a, b) => b.size.bytes - a.size.bytes);
  const inFolders = folders.reduce((sum, { size }) => sum + size.bytes, 0);
  return { folders, omitted: found.length - measured.length, top: Math.max(0, all.bytes - inFolders), all: all.bytes };
}

/**
 * @param {string} id
 * @param {AbortSignal} signal
 * @returns {Promise<Size>}
 */
function sizeOf(id, signal) {
  return api('GET', `/v1/files/${id}/size`, { signal });
}

/**
 * Return the folders at the top, at least the first `MAX_FOLDERS + 1`. A folder has the size 0 in a list, so in a list by
 * size, the folders are before the first file with bytes.
 *
 * @param {AbortSignal} signal
 */
async function listFolders(signal) {
  /** @type {{id: string, name: string}[]} */
  const folders = [];
  /** @type {string | undefined} */
  let cursor;
  do {
    const query = { parent_id: 'root', sort: 'size', limit: 1000, cursor };
    const page = await api('GET', '/v1/files', { query, signal });
    folders.push(...page.items.filter((/** @type {any} */ { kind }) => kind === 'folder'));
    cursor = page.items.at(-1)?.size ? undefined : (page.next_cursor ?? undefined);
  } while (cursor !== undefined && folders.length <= MAX_FOLDERS);
  return folders;
}
