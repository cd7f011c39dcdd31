/** The email addresses of users without a display name, from the lists that the API shows to this user. */
import { ApiError, api } from './api.js';
import { session } from './session.js';

/**
 * Return the email addresses of the users who have access to a file, by user id. Lists that the user may not see are
 * left out.
 *
 * @param {{id: string, drive_id: string}} file
 * @param {boolean} isWhole whether the user sees the whole drive
 * @param {AbortSignal} signal
 * @returns {Promise<Map<string, string>>} rejects with ApiError
 */
export async function loadPeople(file, isWhole, signal) {
  if (!isWhole) return new Map();
  const isOwn = file.drive_id === session.value?.id;
  const query = { drive_id: file.drive_id };
  const lists = await Promise.all([
    listOf(`/v1/files/${file.id}/permissions`, query, signal),
    isOwn ? [] : listOf(`/v1/drives/${file.drive_id}/members`, {}, signal),
  ]);
  return new Map(lists.flat().map(({ user_id, email }) => [user_id, email]));
}

/**
 * @param {string} path
 * @param {Record<string, string>} query
 * @param {AbortSignal} signal
 * @returns {Promise<{user_id: string, email: string}[]>} those whose address the user may see
 */
async function listOf(path, query, signal) {
  try {
    const { items } = await api('GET', path, { query, signal });
    return items.filter((/** @type {any} */ person) => person.email !== null);
  } catch (error) {
    if (error instanceof ApiError && [403, 404].includes(error.status)) return [];
    throw error;
  }
}
