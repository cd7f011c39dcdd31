/** The places for a copy: the drives that the user may change, and the folders that are shared with the user. */
import { api } from './api.js';
import { t } from './i18n.js';

/**
 * @typedef {{drive: string | null, top: {id: string, name: string}, sharedBy?: string}} Place `top` is the folder to begin
 *   with; `sharedBy` is the user who shared it, who also chose its name
 */

const WRITERS = ['editor', 'manager'];

/** @returns {Place} the personal drive */
export function personalDrive() {
  return { drive: null, top: { id: 'root', name: t('nav.files') } };
}

/**
 * Return all places except the one of the items: the personal drive first, then the others by name.
 *
 * @param {{drive: string | null, id: string}} own where the items are; its drive or folder is left out
 * @param {string | undefined} user id of the user
 * @returns {Promise<Place[]>} rejects with ApiError
 */
export async function otherPlaces(own, user) {
  const [drives, shared] = await Promise.all([all('/v1/drives'), all('/v1/shared-with-me')]);
  const known = new Set(drives.map(({ id }) => id));
  const places = [
    ...drives
      .filter(({ kind, role }) => kind === 'shared' && WRITERS.includes(role))
      .map(({ id, name }) => ({ drive: id, top: { id: 'root', name } })),
    ...shared
      .filter(({ kind, role, drive_id }) => kind === 'folder' && WRITERS.includes(role) && !known.has(drive_id))
      .map(({ id, name, drive_id, shared_by_name, shared_by_email }) => ({
        drive: drive_id,
        top: { id, name },
        sharedBy: shared_by_email ?? shared_by_name ?? '',
      })),
  ];
  places.sort((a, b) => a.top.name.localeCompare(b.top.name));
  const ownDrive = own.drive === user ? null : own.drive;
  return [personalDrive(), ...places].filter(({ drive, top }) => drive !== ownDrive || top.id !== own.id);
}

/**
 * @param {string} path of a list
 * @returns {Promise<any[]>}
 */
async function all(path) {
  const found = [];
  let cursor = null;
  do {
    const page = await api('GET', path, { query: { limit: 1000, cursor } });
    found.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor);
  return found;
}
