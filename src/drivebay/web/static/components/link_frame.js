/** The layout of the public page of a link: its title, the time when the link ends, and the content. */

import { dateTime } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { html } from '../lib/ui.js';

/** @param {{title: string, expiresAt?: string | null, busy?: boolean, children?: any}} props */
export function LinkFrame({ title, expiresAt = null, busy = false, children }) {
  return html`<main class="link-page" id="main" aria-busy=${busy}>
    <header class="link-head">
      <h1 dir="auto">${title}</h1>
      ${expiresAt !== null && html`<p class="link-note">${t('linkPage.expires', { time: dateTime(expiresAt) })}</p>`}
    </header>
    ${children}
  </main>`;
}
