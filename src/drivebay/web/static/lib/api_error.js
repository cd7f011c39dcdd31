/** Failures of the HTTP API. */

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
 * Read the failure that a response has.
 *
 * @param {Response} response
 * @returns {Promise<ApiError>}
 */
export async function errorOf(response) {
  const after = Number(response.headers.get('retry-after'));
  const problem = await response.json().catch(() => ({}));
  return new ApiError(response.status, problem, after > 0 ? after : null);
}
