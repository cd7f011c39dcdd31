/** Calls of the HTTP API. A rejected access token is refreshed once. */
import { accessToken, refresh } from './access_token.js';
import { ApiError, errorOf } from './api_error.js';
import { config } from './config.js';

export { ApiError };

/** How long a request may take. Requests that wait for changes take up to 50 s. */
const DEADLINE_MS = 90_000;

/**
 * @typedef {object} CallOptions
 * @property {unknown} [body] sent as JSON
 * @property {Record<string, string | number | boolean | null | undefined>} [query] null and undefined are left out
 * @property {Record<string, string>} [headers]
 * @property {AbortSignal} [signal]
 * @property {boolean} [anonymous] send no access token
 */

/**
 * Call the API and return the parsed JSON, null without a body.
 *
 * @param {string} method
 * @param {string} path such as `/v1/files`
 * @param {CallOptions} [options]
 * @returns {Promise<any>} rejects with ApiError, or AbortError once `signal` is aborted
 */
export async function api(method, path, options = {}) {
  const response = await request(method, path, options);
  if (response.status === 204) return null;
  return response.headers.get('content-type')?.includes('json') ? response.json() : null;
}

/**
 * Call the API and return its response, for responses that are not JSON. It rejects as `api` does.
 *
 * @param {string} method
 * @param {string} path
 * @param {CallOptions} [options]
 * @returns {Promise<Response>}
 */
export async function request(method, path, options = {}) {
  if (!options.anonymous && !accessToken()) await refreshOrFail('');
  const sent = accessToken();
  let response = await send(method, path, options);
  if (response.status === 401 && !options.anonymous) {
    const error = await errorOf(response);
    // Other codes with 401, such as `invalid_credentials`, say nothing about the access token.
    if (error.code !== 'unauthenticated' || !(await refreshOrFail(sent))) throw error;
    response = await send(method, path, options);
  }
  if (!response.ok) throw await errorOf(response);
  return response;
}

/**
 * @param {string} path
 * @param {CallOptions['query']} query
 * @returns {string} the URL of a path of the API
 */
export function apiUrl(path, query = {}) {
  const pairs = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  const text = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString();
  return `${config.base}${path}${text && '?'}${text}`;
}

/**
 * @param {string} method
 * @param {string} path
 * @param {CallOptions} options
 */
async function send(method, path, { body, query, headers = {}, signal, anonymous }) {
  const all = { ...headers };
  if (body !== undefined) all['Content-Type'] = 'application/json';
  if (!anonymous) all['Authorization'] = `Bearer ${accessToken()}`;
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  const init = {
    method,
    headers: all,
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
  };
  try {
    return await fetch(apiUrl(path, query), { ...init, credentials: 'same-origin', cache: 'no-store' });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, {});
  }
}

/**
 * Get a new access token, as `refresh` does.
 *
 * @param {string} rejected
 * @returns {Promise<boolean>} rejects with ApiError
 */
export async function refreshOrFail(rejected) {
  try {
    return await refresh(rejected);
  } catch (error) {
    throw error instanceof ApiError ? error : new ApiError(0, {});
  }
}
