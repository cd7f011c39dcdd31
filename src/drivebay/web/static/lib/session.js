/** The signed-in user, and how a session begins and ends. */
import { COOKIE_SESSION, endEverywhere, isSignedOut, setAccessToken } from './access_token.js';
import { api, refreshOrFail } from './api.js';
import { effect, signal } from './ui.js';

/**
 * @typedef {object} User
 * @property {string} id
 * @property {string} email
 * @property {boolean} email_verified
 * @property {string} display_name
 * @property {'user' | 'admin'} role
 * @property {boolean} second_factor
 * @property {string} created_at
 * @property {{used_bytes: number, reserved_bytes: number, limit_bytes: number, file_count: number}} usage
 */

/** The user, or null without a session. @type {import('./ui.js').Signal<User | null>} */
export const session = signal(null);

effect(() => {
  if (isSignedOut.value) session.value = null;
});

/** Find out whether this browser has a session. Rejects with ApiError if the server cannot be reached. */
export async function restoreSession() {
  if (await refreshOrFail('')) await loadUser();
}

/** Load the user again, because the usage or the profile has changed. */
export async function loadUser() {
  session.value = await api('GET', '/v1/me');
}

/**
 * @param {string} email
 * @param {string} password
 * @returns {Promise<void>} rejects with ApiError; the code `second_factor_required` has a `challenge`
 */
export function signIn(email, password) {
  return begin('/v1/login', { email, password });
}

/**
 * @param {string} challenge
 * @param {string} code
 */
export function signInWithCode(challenge, code) {
  return begin('/v1/login/totp', { challenge, code });
}

/**
 * @param {object} credential the response of the browser
 * @param {string} [challenge] of a login that needs a second factor
 */
export function signInWithPasskey(credential, challenge) {
  return begin('/v1/login/passkey', challenge === undefined ? { credential } : { credential, challenge });
}

/** @param {string} code the sign-in code of the identity provider */
export function signInWithOidc(code) {
  return begin('/v1/oidc/token', { code });
}

/**
 * @param {string} email
 * @param {string} password
 */
export async function signUp(email, password) {
  await api('POST', '/v1/signup', { body: { email, password }, anonymous: true });
  await signIn(email, password);
}

/** End the session here, in the other tabs and on the server. */
export async function signOut() {
  await api('POST', '/v1/logout', { body: { refresh_token: '' }, headers: COOKIE_SESSION, anonymous: true });
  endEverywhere();
}

/**
 * @param {string} path
 * @param {object} body
 */
async function begin(path, body) {
  const tokens = await api('POST', path, { body, headers: COOKIE_SESSION, anonymous: true });
  setAccessToken(tokens.access_token);
  await loadUser();
}
