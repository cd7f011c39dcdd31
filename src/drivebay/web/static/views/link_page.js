/** The public page of a link, `/s/{token}`: for people without an account. The name of the owner is not shown. */

import { LinkFile } from '../components/link_file.js';
import { LinkFolder } from '../components/link_folder.js';
import { LinkFrame } from '../components/link_frame.js';
import { LinkPassword } from '../components/link_password.js';
import { LinkUpload } from '../components/link_upload.js';
import { ProblemNotice } from '../components/problem_notice.js';
import { t } from '../lib/i18n.js';
import { publicApi } from '../lib/public_link.js';
import { html, useEffect, useMemo, useState } from '../lib/ui.js';

/**
 * @param {{params: {token: string}, query: URLSearchParams}} props
 */
export default function LinkPage({ params, query }) {
  const { token } = params;
  const call = useMemo(() => publicApi(token), [token]);
  const [link, setLink] = useState(/** @type {import("../lib/public_link.js").PublicLink | null} */ (null));
  const [error, setError] = useState(/** @type {any} */ (null));
  const [tries, setTries] = useState(0);

  useEffect(() => {
    const abort = new AbortController();
    setError(null);
    call('GET', '', { signal: abort.signal })
      .then(setLink)
      .catch((failure) => {
        if (!abort.signal.aborted) setError(failure);
      });
    return () => abort.abort();
  }, [call, tries]);

  useEffect(() => {
    document.title = link?.name ?? t('linkPage.title');
  }, [link]);

  const again = () => setTries((count) => count + 1);
  if (error?.code === 'password_required') return html`<${LinkPassword} token=${token} onUnlocked=${again} />`;
  if (error?.status === 404) return html`<${EndedLink} />`;
  if (error !== null) {
    return html`<${LinkFrame} title=${t('linkPage.title')}><${ProblemNotice} error=${error} onRetry=${again} /><//>`;
  }
  if (link === null) return html`<${LinkFrame} title=${t('linkPage.loading')} busy />`;
  const props = { link, token, call, opened: query.get('file'), onEnded: setError };
  if (link.role === 'uploader') {
    return html`<${LinkFrame} title=${link.name} expiresAt=${link.expires_at}>
      <p class="link-lead">${t('linkPage.uploader_lead')}</p>
      <${LinkUpload} call=${call} parent="root" onDone=${() => {}} prominent />
    <//>`;
  }
  if (link.kind === 'file') return html`<${LinkFile} ...${props} />`;
  return html`<${LinkFolder} ...${props} folder=${query.get('folder')} />`;
}

function EndedLink() {
  useEffect(() => {
    document.title = t('linkPage.ended_title');
  }, []);
  return html`<${LinkFrame} title=${t('linkPage.ended_title')}>
    <p class="link-lead">${t('linkPage.ended_text')}</p>
    <p class="link-lead">${t('linkPage.ended_next')}</p>
  <//>`;
}
