/** The dialog for the password of a link whose session has ended. After it, lists and uploads continue. */

import { t } from '../lib/i18n.js';
import { html } from '../lib/ui.js';
import { Dialog } from './dialog.js';
import { LinkPasswordForm } from './link_password.js';

/** @param {{token: string, close: (isUnlocked?: boolean) => void}} props */
export function LinkPasswordDialog({ token, close }) {
  return html`<${Dialog} title=${t('linkPage.password_title')} close=${close}>
    <${LinkPasswordForm} token=${token} onUnlocked=${() => close(true)} />
  <//>`;
}
