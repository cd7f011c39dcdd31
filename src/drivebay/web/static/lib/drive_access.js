/** The role of the user in a drive, and the name of the drive. */
import { ApiError, api } from './api.js';
import { signal } from './ui.js';

/**
 * @typedef {'viewer' | 'editor' | 'manager'} Role
 *
 * @typedef {object} DriveAccess
 * @property {string | null} name of a shared drive, null for others
 * @property {Role} role
 * @property {boolean} isWhole false if only some items of the drive are shared with the user
 */

const ROLES = ['viewer', 'editor', 'manager'];

/** Drives of which only some items are shared with the user. @type {import('./ui.js').Signal<ReadonlySet<string>>} */
export const partialDrives = signal(new Set());

/** The access to the personal drive. @type {DriveAccess} */
export const OWN_DRIVE = { name: null, role: 'manager', isWhole: true };

/**
 * Return the access to a drive, and to an item in it.
 *
 * @param {string | null} drive null for the personal one
 * @param {() => Promise<{id: string}[]>} loadPath loads the item and the folders above it, as far as the user sees them
 * @returns {Promise<DriveAccess>} rejects with ApiError
 */
export async function loadAccess(drive, loadPath) {
  if (drive === null) return OWN_DRIVE;
  try {
    const { kind, name, role } = await api('GET', `/v1/drives/${encodeURIComponent(drive)}`);
    return { name: kind === 'shared' ? name : null, role, isWhole: true };
  } catch (error) {
    if (!(error instanceof ApiError) || ![403, 404].includes(error.status)) throw error;
  }
  partialDrives.value = new Set([...partialDrives.peek(), drive]);
  const path = new Set((await loadPath()).map(({ id }) => id));
  return { name: null, role: highest(await sharedRoles(drive, path)), isWhole: false };
}

/**
 * @param {string} drive
 * @param {Set<string>} ids
 * @returns {Promise<Role[]>} the roles with which these items are shared with the user
 */
async function sharedRoles(drive, ids) {
  const roles = [];
  let cursor = null;
  do {
    const page = await api('GET', '/v1/shared-with-me', { query: { limit: 1000, cursor } });
    for (const item of page.items) if (item.drive_id === drive && ids.has(item.id)) roles.push(item.role);
    cursor = page.next_cursor;
  } while (cursor);
  return roles;
}

/**
 * @param {Role[]} roles
 * @returns {Role}
 */
function highest(roles) {
  const index = Math.max(0, ...roles.map((role) => ROLES.indexOf(role)));
  return /** @type {Role} */ (ROLES[index]);
}
