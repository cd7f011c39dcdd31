/** The content of a view whose list is empty or could not be loaded. */
import { errorText } from '../lib/errors.js';
import { t } from '../lib/i18n.js';
import { html } from '../lib/ui.js';
import { useFocusOfRemovedList } from '../lib/use_kept_focus.js';
import { Icon } from './icon.js';
import { RetryButton } from './retry_button.js';

/** @param {{icon: string, title: string, text?: string, children?: unknown}} props */
export function Empty({ icon, title, text = '', children }) {
  useFocusOfRemovedList();
  return html`<div class="empty">
    <span class="empty-icon"><${Icon} name=${icon} size=${40} /></span>
    <h2>${title}</h2>
    ${text && html`<p>${text}</p>`}
    ${children}
  </div>`;
}

/** @param {{error: unknown, retry?: () => void}} props */
export function Failure({ error, retry }) {
  useFocusOfRemovedList();
  return html`<div class="empty" role="alert">
    <span class="empty-icon"><${Icon} name="warning" size=${40} /></span>
    <h2>${t('error.title')}</h2>
    <p>${errorText(error)}</p>
    <${RetryButton} error=${error} onRetry=${retry} />
  </div>`;
}
