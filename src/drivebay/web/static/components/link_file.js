/** The public page of a link to one file. */

import { save } from '../lib/downloads.js';
import { bytes } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { ONLY_FILE, openFromUrl, openLinkPreview } from '../lib/link_preview.js';
import { previewKind } from '../lib/preview_kind.js';
import { html, useEffect, useState } from '../lib/ui.js';
import { Button } from './button.js';
import { LinkFrame } from './link_frame.js';
import { ProblemNotice } from './problem_notice.js';

/**
 * @param {{link: import("../lib/public_link.js").PublicLink, token: string, call: Function, opened: string | null,
 *   onEnded: (error: any) => void}} props  `opened`: the id of the file in the URL, which opens the preview
 */
export function LinkFile({ link, token, call, opened, onEnded }) {
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
  const file = { ...link, id: ONLY_FILE };
  const place = { call, path: `/s/${encodeURIComponent(token)}`, isEnd: endsBy(onEnded) };
  const hasPreview = previewKind(link) !== 'none';
  useEffect(() => {
    if (opened) openFromUrl(hasPreview ? file : undefined, [file], place);
  }, []);
  return html`<${LinkFrame} title=${link.name} expiresAt=${link.expires_at}>
    <p class="link-lead">${bytes(link.size)}</p>
    <div class="link-actions">
      <${Button} kind="primary" icon="download" onClick=${download} disabled=${busy}>${t('linkPage.download')}<//>
      ${hasPreview && html`<${Button} icon="eye" onClick=${() => openLinkPreview(file, [file], place)}>${t('linkPage.show')}<//>`}
    </div>
    ${error !== null && html`<${ProblemNotice} error=${error} onRetry=${download} />`}
  <//>`;
}

/**
 * Return whether a failure means that the link, or the session of its password, has ended.
 *
 * @param {any} error
 */
export function isEnd(error) {
  return error?.status === 404 || error?.code === 'password_required';
}

/**
 * Return a function that calls `onEnded` for a failure of `isEnd`, and returns whether it did.
 *
 * @param {(error: any) => void} onEnded
 */
export function endsBy(onEnded) {
  return (/** @type {any} */ error) => {
    if (!isEnd(error)) return false;
    onEnded(error);
    return true;
  };
}
