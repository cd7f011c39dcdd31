/** The confirmation of an email address with the token of a mail. */
import { Failure } from '../components/empty.js';
import { Loading } from '../components/progress.js';
import { SignPage } from '../components/sign_page.js';
import { api } from '../lib/api.js';
import { t } from '../lib/i18n.js';
import { url } from '../lib/router.js';
import { loadUser, session } from '../lib/session.js';
import { html, useEffect, useState } from '../lib/ui.js';

/** @param {{query: URLSearchParams}} props */
export default function VerifyEmail({ query }) {
  const token = query.get('token') ?? '';
  const [state, setState] = useState(/** @type {{done: boolean, error: unknown}} */ ({ done: false, error: null }));
  useEffect(() => {
    api('POST', '/v1/email/verify', { body: { token }, anonymous: true })
      .then(() => setState({ done: true, error: null }))
      .then(() => session.value && loadUser())
      .catch((error) => setState({ done: false, error }));
  }, [token]);
  return html`<${SignPage} title=${t('verify.title')}>
    ${state.error ? html`<${Failure} error=${state.error} />` : state.done ? html`<p role="status">${t('verify.done')}</p>` : html`<${Loading} />`}
    <div class="sign-links"><a href=${url('/')}>${t('verify.continue')}</a></div>
  <//>`;
}
