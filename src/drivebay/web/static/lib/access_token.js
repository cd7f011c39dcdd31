/**
 * The access token, in memory only. A tab gets one from another tab, or with the refresh cookie; only one tab asks at a
 * time. A tab never continues with the token of another user: it loads again.
 */
import { errorOf } from './api_error.js';
import { config } from './config.js';
import { signal } from './ui.js';

/** The header with which the token routes use the cookie. A page of another site cannot send it. */
export const COOKIE_SESSION = { 'Drivebay-Session': 'cookie' };

/** True once the session has ended: the next view is the sign-in. */
export const isSignedOut = signal(false);

/** Whether this browser may have a session: a hint that saves a request, nothing more. */
const HINT_KEY = 'drivebay-signed-in';

/** A tab that gets no answer gives the lock to the next one. */
const DEADLINE_MS = 15_000;
/** Another tab has the lock for one request. */
const LOCK_MS = 20_000;
/** Tabs with a token hold this lock, so that a new tab knows whether there is one to ask. */
const HOLDERS = 'drivebay-token';
/** A tab that the browser has frozen does not answer. */
const ANSWER_MS = 500;
/** A token that ends sooner is not given to another tab. */
const LEAST_LIFE_MS = 60_000;

const channel = new BroadcastChannel('drivebay-session');
let token = '';
/** @type {Promise<boolean> | null} */
let refreshing = null;
/** Releases the lock of `HOLDERS`. @type {(() => void) | null} */
let release = null;
/** Whether this tab waits for the answer of another one. */
let isAsking = false;
/** How often a session has ended in this tab. */
let endings = 0;

channel.addEventListener('message', ({ data }) => {
  // A tab that has signed out after its question was asked takes no answer.
  if (data.kind === 'token' || (data.kind === 'answer' && isAsking)) adopt(data.token);
  if (data.kind === 'out' || (data.kind === 'ended' && data.token === token)) endSession();
  if (data.kind === 'ask' && token && lifeOf(token) > LEAST_LIFE_MS) channel.postMessage({ kind: 'answer', token });
});

/** @returns {string} the token, '' without one */
export function accessToken() {
  return token;
}

/**
 * Keep a new token, and give it to the other tabs of this browser.
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
 * Get a new access token. One request at a time in all tabs: a refresh token is good for one request.
 *
 * @param {string} rejected the token that the API refused, '' if there was none
 * @returns {Promise<boolean>} whether there is a session. Rejects with ApiError, or if the server cannot be reached.
 */
export function refresh(rejected) {
  if (!rejected && !localStorage.getItem(HINT_KEY)) return Promise.resolve(false);
  const once = () => refreshOnce(rejected);
  // Browsers have locks only on https and on localhost. A second tab elsewhere may find its refresh token spent, and
  // the server gives it the same answer for some seconds.
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
    body: '{"refresh_token":""}', // that of the cookie counts
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
  if (token && token !== rejected) return isOfSameUser(rejected); // somebody has signed in meanwhile
  endSession();
  channel.postMessage({ kind: 'ended', token: rejected }); // all tabs have the same cookie
  return false;
}

/** @returns {Promise<boolean>} whether another tab gave its token */
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
    const look = () => token && end(); // the listener above has taken it
    const timer = setTimeout(end, ANSWER_MS);
    channel.addEventListener('message', look);
  });
}

/**
 * Take a token for the session of this tab. If it is that of another user, what the tab shows belongs to somebody else:
 * the page loads again.
 *
 * @param {string} value
 * @returns {boolean} whether it was taken
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
 * @returns {number} for how many milliseconds it is good, if the clocks agree
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
