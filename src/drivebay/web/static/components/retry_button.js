/** The button below the message of a failure. It tries again, or loads the page again if nothing else helps. */
import { t } from '../lib/i18n.js';
import { LoadError, reloadPage } from '../lib/load_module.js';
import { html } from '../lib/ui.js';
import { Button } from './button.js';

/** @param {{error: unknown, onRetry?: () => void}} props without `onRetry`, only a failed load has a button */
export function RetryButton({ error, onRetry }) {
  if (error instanceof LoadError) return html`<${Button} icon="retry" onClick=${reloadPage}>${t('common.reload')}<//>`;
  return onRetry ? html`<${Button} icon="retry" onClick=${onRetry}>${t('common.retry')}<//>` : null;
}
