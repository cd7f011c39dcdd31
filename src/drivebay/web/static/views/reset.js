/** The form that requests a mail with a link to set a new password. */
import { Button } from '../components/button.js';
import { Field, formValues } from '../components/field.js';
import { SignPage } from '../components/sign_page.js';
import { api } from '../lib/api.js';
import { config } from '../lib/config.js';
import { errorText } from '../lib/errors.js';
import { t } from '../lib/i18n.js';
import { url } from '../lib/router.js';
import { html, useState } from '../lib/ui.js';

export default function Reset() {
  const [state, setState] = useState({ sent: false, busy: false, error: '' });
  const submit = async (/** @type {Event} */ event) => {
    const { email } = formValues(event);
    setState({ sent: false, busy: true, error: '' });
    try {
      await api('POST', '/v1/password/reset', { body: { email }, anonymous: true });
      setState({ sent: true, busy: false, error: '' });
    } catch (error) {
      setState({ sent: false, busy: false, error: errorText(error) });
    }
  };
  const form = html`<form onSubmit=${submit}>
    ${state.error && html`<p class="form-error" role="alert">${state.error}</p>`}
    <${Field} label=${t('signIn.email')} name="email" type="email" autocomplete="username" required autofocus />
    <${Button} kind="primary" type="submit" busy=${state.busy}>${t('reset.send')}<//>
  </form>`;
  const note = state.sent ? t('reset.sent') : config.mail ? '' : t('reset.noMail');
  return html`<${SignPage} title=${t('reset.title')}>
    ${note ? html`<p role="status">${note}</p>` : form}
    <div class="sign-links"><a href=${url('/sign-in')}>${t('reset.back')}</a></div>
  <//>`;
}
