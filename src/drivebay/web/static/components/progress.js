/** A progress bar, and the loading indicator. */
import { t } from '../lib/i18n.js';
import { html } from '../lib/ui.js';

/** @param {{fraction: number, label: string}} props `fraction` is 0 to 1 */
export function Progress({ fraction, label }) {
  return html`<progress class="progress" max="1" value=${Math.min(1, Math.max(0, fraction))} aria-label=${label}></progress>`;
}

/** @param {{label?: string}} props */
export function Loading({ label }) {
  return html`<div class="loading" role="status"><span class="spinner" aria-hidden="true"></span><span>${label ?? t('common.loading')}</span></div>`;
}
