/** Calls of the HTTP API. A rejected access token is refreshed once. */
import { accessToken, refresh } from './access_token.js';
import { config } from './config.js';

/** The problem that the API answered with. `status` 0 is a server that cannot be reached. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {{code?: string, title?: string, detail?: string, request_id?: string, challenge?: string,
   *   errors?: {field: string, message: string}[]}} problem
   * @param {number | null} retryAfter seconds
   */
  constructor(status, problem, retryAfter = null) {
    super(problem.detail || problem.title || `status ${status}`);
    this.name = 'ApiError';
    this.status = status;
    this.code = problem.code ?? (status ? 'unknown' : 'unreachable');
    this.detail = problem.detail ?? '';
    this.requestId = problem.request_id ?? '';
    this.challenge = problem.challenge ?? '';
    this.errors = problem.errors ?? [];
    this.retryAfter = retryAfter;
  }
}

/**
 * @typedef {object} CallOptions
 * @property {unknown} [body] sent as JSON
 * @property {Record<string, string | number | boolean | null | undefined>} [query] without null and undefined
 * @property {Record<string, string>} [headers]
 * @property {AbortSignal} [signal]
 * @property {boolean} [anonymous] without the access token
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
 * Call the API and return its response, for answers that are no JSON. It rejects as `api` does.
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
    // Other 401s are answers, such as `invalid_credentials`.
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
  const init = { method, headers: all, body: body === undefined ? undefined : JSON.stringify(body), signal };
  try {
    return await fetch(apiUrl(path, query), { ...init, credentials: 'same-origin', cache: 'no-store' });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, {});
  }
}

/** @param {string} rejected */
async function refreshOrFail(rejected) {
  try {
    return await refresh(rejected);
  } catch {
    throw new ApiError(0, {});
  }
}

/** @param {Response} response */
async function errorOf(response) {
  const after = Number(response.headers.get('retry-after'));
  const problem = await response.json().catch(() => ({}));
  return new ApiError(response.status, problem, after > 0 ? after : null);
}
