/** The public page of a link to one file. */

import { save } from '../lib/downloads.js';
import { bytes } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { html, useState } from '../lib/ui.js';
import { Button } from './button.js';
import { LinkFrame } from './link_frame.js';
import { ProblemNotice } from './problem_notice.js';

/**
 * @param {{link: import("../lib/public_link.js").PublicLink, call: Function, onEnded: (error: any) => void}} props
 */
export function LinkFile({ link, call, onEnded }) {
  const [error, setError] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  const download = async () => {
    setBusy(true);
    setError(null);
    try {
      save((await call('GET', '/download')).url);
    } catch (failure) {
      if (isEnd(failure)) onEnded(failure);
      else setError(failure);
    }
    setBusy(false);
  };
  return html`<${LinkFrame} title=${link.name} expiresAt=${link.expires_at}>
    <p class="link-lead">${bytes(link.size)}</p>
    <${Button} kind="primary" onClick=${download} disabled=${busy}>${t('linkPage.download')}<//>
    ${error !== null && html`<${ProblemNotice} error=${error} onRetry=${download} />`}
  <//>`;
}

/**
 * Return whether a failure means that the page has to change: the link has ended, or its password session has.
 *
 * @param {any} error
 */
export function isEnd(error) {
  return error?.status === 404 || error?.code === 'password_required';
}
