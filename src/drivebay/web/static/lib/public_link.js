/**
 * Calls of the public API of links. They need no account. A link with a password needs a session, which is kept in
 * memory. When the session ends, a dialog asks for the password, and the call is sent again.
 */

import { openDialog } from '../components/dialog.js';
import { ApiError, api } from './api.js';
import { loadModule } from './load_module.js';

/** @type {Map<string, string>} */
const sessions = new Map();
/** The open dialogs for passwords, by token. @type {Map<string, Promise<boolean>>} */
const dialogs = new Map();

/**
 * @typedef {{name: string, kind: "file" | "folder", size: number, content_type: string, role: "viewer" | "uploader" | "editor",
 *   expires_at: string | null}} PublicLink
 * @typedef {{id: string, kind: "file" | "folder", name: string, parent_id: string, size: number, content_type: string,
 *   modified_at: string}} PublicFile
 */

/**
 * Return a function that calls the API of one link. `path` begins after the token.
 *
 * @param {string} token
 */
export function publicApi(token) {
  /**
   * @param {string} method
   * @param {string} path
   * @param {{body?: object, query?: Record<string, any>, headers?: Record<string, string>, signal?: AbortSignal}} [options]
   * @returns {Promise<any>}
   */
  return async function call(method, path, options = {}) {
    for (;;) {
      const session = sessions.get(token);
      const headers = { ...options.headers, ...(session === undefined ? {} : { 'X-Link-Session': session }) };
      const all = { ...options, headers, anonymous: true };
      try {
        return await api(method, `/v1/public/${encodeURIComponent(token)}${path}`, all);
      } catch (error) {
        const hasEnded = session !== undefined && error instanceof ApiError && error.code === 'password_required';
        if (!hasEnded || !(await isUnlockedAgain(token, session))) throw error;
      }
    }
  };
}

/**
 * Ask for the password again. Calls that fail meanwhile wait for the same dialog.
 *
 * @param {string} token
 * @param {string} ended the session that the API refused
 * @returns {Promise<boolean>} false if the user dismisses the dialog
 */
function isUnlockedAgain(token, ended) {
  if (sessions.get(token) !== ended) return Promise.resolve(true);
  const open = dialogs.get(token);
  if (open !== undefined) return open;
  const asked = loadModule(import('../components/link_password_dialog.js'))
    .then(({ LinkPasswordDialog }) => openDialog(LinkPasswordDialog, { token }))
    .then((isUnlocked) => isUnlocked === true)
    .finally(() => dialogs.delete(token));
  dialogs.set(token, asked);
  return asked;
}

/**
 * Start a session with the password of a link. The session is forgotten when the tab is closed or reloaded.
 *
 * @param {string} token
 * @param {string} password
 */
export async function unlockLink(token, password) {
  const unlocked = await publicApi(token)('POST', '/unlock', { body: { password } });
  sessions.set(token, unlocked.link_session);
}
