/** Aborts uploads at the API, also while the page is closed. */
import { accessToken } from '../access_token.js';
import { ApiError, api, apiUrl } from '../api.js';
import { forget } from './unfinished.js';

/** @typedef {import('./upload.js').Upload} Upload */

/**
 * Abort an upload at the API. A no-op if the upload has not begun or has ended.
 *
 * @param {Upload} upload
 */
export async function abort(upload) {
  const { remoteId, batch, shared } = upload;
  if (remoteId) await abortRemote(remoteId, batch.target.drive);
  else await shared?.cancel(upload);
}

/**
 * Abort an upload at the API by its id. A no-op if the upload has ended.
 *
 * @param {string} id
 * @param {string | null} drive
 */
export async function abortRemote(id, drive) {
  forget(id);
  await removeRemote(`/v1/uploads/${id}`, drive);
}

/**
 * Remove an upload or a file at the API. A no-op if it does not exist, for example after a call whose response was lost.
 *
 * @param {string} path
 * @param {string | null} drive
 */
export async function removeRemote(path, drive) {
  try {
    await api('DELETE', path, { query: { drive_id: drive } });
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
  }
}

/**
 * Abort an upload while the page is closed. An upload in parts is kept, because it can be continued with the same file
 * after a reload. Other uploads would only reserve their names.
 *
 * @param {Upload} upload
 */
export function abortOnLeave({ remoteId, isWhole, batch }) {
  if (!remoteId || !isWhole) return;
  const headers = { Authorization: `Bearer ${accessToken()}` };
  const url = apiUrl(`/v1/uploads/${remoteId}`, { drive_id: batch.target.drive });
  void fetch(url, { method: 'DELETE', headers, keepalive: true }).catch(() => {});
}
