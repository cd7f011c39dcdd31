/** The dialog about names that are taken. The choice of the user applies to all files of the drop. */
import { t } from '../lib/i18n.js';
import { html } from '../lib/ui.js';
import { Button } from './button.js';
import { Dialog } from './dialog.js';

/** @param {{name: string, count: number, close: (decision?: 'replace' | 'rename' | 'skip') => void}} props */
export function ConflictDialog({ name, count, close }) {
  return html`<${Dialog} title=${t('uploads.conflictTitle')} close=${close}>
    <p>${t('uploads.conflict', { name })}</p>
    ${count > 1 && html`<p class="muted">${t('uploads.conflictAll')}</p>`}
    <div class="dialog-buttons">
      <${Button} onClick=${() => close('skip')}>${t('uploads.skip')}<//>
      <${Button} onClick=${() => close('replace')}>${t('uploads.replace')}<//>
      <${Button} kind="primary" data-autofocus onClick=${() => close('rename')}>${t('uploads.keepBoth')}<//>
    </div>
  <//>`;
}
