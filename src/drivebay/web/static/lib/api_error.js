/** Failures of the HTTP API. */

/** The problem in a response of the API. `status` 0 means that the server cannot be reached. */
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
 * Return the error of a response with the status of a failure.
 *
 * @param {Response} response
 * @returns {Promise<ApiError>}
 */
export async function errorOf(response) {
  const after = Number(response.headers.get('retry-after'));
  const problem = await response.json().catch(() => ({}));
  return new ApiError(response.status, problem, after > 0 ? after : null);
}
