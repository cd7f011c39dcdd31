/**
 * The access token, in memory only. A tab gets the token from another tab, or with the refresh cookie. Only one tab at
 * a time sends the cookie. A tab never continues with the token of another user: it reloads the page.
 */
import { errorOf } from './api_error.js';
import { config } from './config.js';
import { signal } from './ui.js';

/** The header with which the token routes use the cookie. A page of another origin cannot send it. */
export const COOKIE_SESSION = { 'Drivebay-Session': 'cookie' };

/** True once the session has ended: the next view is the sign-in. */
export const isSignedOut = signal(false);

/** The key of the hint that this browser may have a session. Without the hint, no request is sent. */
const HINT_KEY = 'drivebay-signed-in';

/** The timeout of the refresh request. After it, the next tab gets the lock. */
const DEADLINE_MS = 15_000;
/** The longest wait for the lock, which another tab holds during one request. */
const LOCK_MS = 20_000;
/** The name of the lock that each tab with a token holds. A new tab then knows whether another tab has a token. */
const HOLDERS = 'drivebay-token';
/** The longest wait for the token of another tab. A tab that the browser has frozen does not respond. */
const ANSWER_MS = 500;
/** A token that expires sooner is not sent to another tab. */
const LEAST_LIFE_MS = 60_000;

const channel = new BroadcastChannel('drivebay-session');
let token = '';
/** @type {Promise<boolean> | null} */
let refreshing = null;
/** Releases the lock of `HOLDERS`. @type {(() => void) | null} */
let release = null;
/** Whether this tab waits for the token of another tab. */
let isAsking = false;
/** The number of sessions that have ended in this tab. */
let endings = 0;

channel.addEventListener('message', ({ data }) => {
  // A tab that has signed out since it asked for a token ignores the response.
  if (data.kind === 'token' || (data.kind === 'answer' && isAsking)) adopt(data.token);
  if (data.kind === 'out' || (data.kind === 'ended' && data.token === token)) endSession();
  if (data.kind === 'ask' && token && lifeOf(token) > LEAST_LIFE_MS) channel.postMessage({ kind: 'answer', token });
});

/** @returns {string} the token, '' without one */
export function accessToken() {
  return token;
}

/**
 * Use a new token, and send it to the other tabs of this browser.
 *
 * @param {string} value
 */
export function setAccessToken(value) {
  take(value);
  isSignedOut.value = false;
  localStorage.setItem(HINT_KEY, '1');
  channel.postMessage({ kind: 'token', token: value });
}

/** Forget the session in this tab and in all others. */
export function endEverywhere() {
  endSession();
  channel.postMessage({ kind: 'out' });
}

/**
 * Get a new access token. All tabs together send one request at a time, because a refresh token can be used once.
 *
 * @param {string} rejected the token that the API refused, '' if there was none
 * @returns {Promise<boolean>} whether there is a session. Rejects with ApiError, or if the server cannot be reached.
 */
export function refresh(rejected) {
  if (!rejected && !localStorage.getItem(HINT_KEY)) return Promise.resolve(false);
  const once = () => refreshOnce(rejected);
  // Browsers have locks only on https and on localhost. Elsewhere a second tab may use the same refresh token. For some
  // seconds the server then returns new tokens too.
  refreshing ??= (navigator.locks ? whileLocked(once) : once()).finally(() => (refreshing = null));
  return refreshing;
}

/** @param {() => Promise<boolean>} action @returns {Promise<boolean>} rejects if the lock does not become free */
function whileLocked(action) {
  return navigator.locks.request('drivebay-refresh', { signal: AbortSignal.timeout(LOCK_MS) }, action);
}

/** @param {string} rejected */
async function refreshOnce(rejected) {
  if (token && token !== rejected) return isOfSameUser(rejected); // another tab was first
  if (!token && (await askTabs())) return isOfSameUser(rejected);
  const before = endings;
  const response = await fetch(`${config.base}/v1/token/refresh`, {
    method: 'POST',
    headers: { ...COOKIE_SESSION, 'Content-Type': 'application/json' },
    body: '{"refresh_token":""}', // the server uses the token of the cookie
    credentials: 'same-origin',
    signal: AbortSignal.timeout(DEADLINE_MS),
  });
  if (response.ok) {
    const { access_token: value } = await response.json();
    if (endings !== before || !adopt(value)) return false; // the user has signed out meanwhile
    setAccessToken(value);
    return true;
  }
  if (response.status !== 401 && response.status !== 403) throw await errorOf(response);
  if (token && token !== rejected) return isOfSameUser(rejected); // the user has signed in again meanwhile
  endSession();
  channel.postMessage({ kind: 'ended', token: rejected }); // all tabs have the same cookie
  return false;
}

/** @returns {Promise<boolean>} whether another tab sent its token */
async function askTabs() {
  const locks = await navigator.locks?.query();
  if (!locks?.held?.some(({ name }) => name === HOLDERS)) return false;
  channel.postMessage({ kind: 'ask' });
  isAsking = true;
  return new Promise((resolve) => {
    const end = () => {
      isAsking = false;
      clearTimeout(timer);
      channel.removeEventListener('message', look);
      resolve(token !== '');
    };
    const look = () => token && end(); // the listener above has set `token`
    const timer = setTimeout(end, ANSWER_MS);
    channel.addEventListener('message', look);
  });
}

/**
 * Use a token in this tab. If it belongs to another user, the page is reloaded, because it shows the data of the
 * earlier user.
 *
 * @param {string} value
 * @returns {boolean} whether the tab uses it
 */
function adopt(value) {
  if (token && userOf(value) !== userOf(token)) {
    window.location.reload();
    return false;
  }
  take(value);
  return true;
}

/** @param {string} value */
function take(value) {
  token = value;
  if (release || !navigator.locks) return;
  const held = new Promise((/** @type {(value?: unknown) => void} */ resolve) => (release = resolve));
  void navigator.locks.request(HOLDERS, { mode: 'shared' }, () => held);
}

/**
 * @param {string} value an access token
 * @returns {string} the id of its user
 */
function userOf(value) {
  return claimsOf(value).sub;
}

/**
 * @param {string} value an access token
 * @returns {number} for how many milliseconds it is valid, if the clocks agree
 */
function lifeOf(value) {
  return claimsOf(value).exp * 1000 - Date.now();
}

/** @param {string} value */
function claimsOf(value) {
  return JSON.parse(atob(value.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')));
}

/**
 * @param {string} rejected a token, or ''
 * @returns {boolean} whether a request that was made with it may be repeated with the token of this tab
 */
function isOfSameUser(rejected) {
  return !rejected || userOf(token) === userOf(rejected);
}

function endSession() {
  token = '';
  isAsking = false;
  endings += 1;
  release?.();
  release = null;
  localStorage.removeItem(HINT_KEY);
  isSignedOut.value = true;
}
