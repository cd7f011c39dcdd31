/** The folders that the user opened below a link. The public API does not return the folders above an item. */

/** @typedef {{id: string, name: string}} Crumb */

const KEY = 'drivebay.trail.';

/**
 * Return the folders from below the shared folder down to `id`. If the user opened the URL of a folder directly, the
 * folders above it are missing.
 *
 * @param {string | null} id
 * @returns {Crumb[]}
 */
export function trailTo(id) {
  /** @type {Crumb[]} */
  const trail = [];
  for (let next = id; next !== null && next !== 'root' && trail.length < 100; ) {
    const known = read(next);
    trail.unshift({ id: next, name: known?.name ?? '…' });
    next = known?.parent ?? null;
  }
  return trail;
}

/**
 * Remember the name and the parent of a folder.
 *
 * @param {{id: string, name: string, parent_id: string}} folder
 */
export function rememberFolder(folder) {
  sessionStorage.setItem(KEY + folder.id, JSON.stringify({ name: folder.name, parent: folder.parent_id }));
}

/**
 * @param {string} id
 * @returns {{name: string, parent: string} | null}
 */
function read(id) {
  const text = sessionStorage.getItem(KEY + id);
  return text === null ? null : JSON.parse(text);
}
