/** A progress bar, and the sign that something loads. */
import { t } from '../lib/i18n.js';
import { html } from '../lib/ui.js';

/** @param {{part: number, label: string}} props `part` is 0 to 1 */
export function Progress({ part, label }) {
  return html`<progress class="progress" max="1" value=${Math.min(1, Math.max(0, part))} aria-label=${label}></progress>`;
}

/** @param {{label?: string}} props */
export function Loading({ label }) {
  return html`<div class="loading" role="status"><span class="spinner" aria-hidden="true"></span><span>${label ?? t('common.loading')}</span></div>`;
}
