/** A failure in a part of a view: what happened, what to do next, and the request id for those who run the server. */

import { errorText } from '../lib/errors.js';
import { t } from '../lib/i18n.js';
import { html } from '../lib/ui.js';
import { RetryButton } from './retry_button.js';

/** @param {{error: any, onRetry?: () => void}} props */
export function ProblemNotice({ error, onRetry }) {
  // The text of a failure of the server contains the id already.
  const id = error?.status < 500 ? error.requestId : '';
  return html`<div class="problem" role="alert">
    <p>${errorText(error)}</p>
    ${id && html`<p class="problem-id">${t('error.request', { id })}</p>`}
    <${RetryButton} error=${error} onRetry=${onRetry} />
  </div>`;
}
