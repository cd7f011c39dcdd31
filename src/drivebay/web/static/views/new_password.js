/** A new password with the token of a reset or of an invitation. The token is in the fragment of the URL, which browsers do not send. */
import { Button } from '../components/button.js';
import { Field, formValues } from '../components/field.js';
import { SignPage } from '../components/sign_page.js';
import { api } from '../lib/api.js';
import { errorText } from '../lib/errors.js';
import { t } from '../lib/i18n.js';
import { location, url } from '../lib/router.js';
import { html, useState } from '../lib/ui.js';

export default function NewPassword() {
  const { path, hash } = location.value;
  const token = new URLSearchParams(hash.slice(1)).get('token') ?? '';
  const [state, setState] = useState({ done: false, busy: false, error: token ? '' : t('error.invalid_token') });
  const submit = async (/** @type {Event} */ event) => {
    const { password } = formValues(event);
    setState({ done: false, busy: true, error: '' });
    try {
      await api('POST', '/v1/password/reset/confirm', { body: { token, password }, anonymous: true });
      setState({ done: true, busy: false, error: '' });
    } catch (error) {
      setState({ done: false, busy: false, error: errorText(error) });
    }
  };
  const form = html`<form onSubmit=${submit}>
    ${state.error && html`<p class="form-error" role="alert">${state.error}</p>`}
    <${Field} label=${t('reset.newPassword')} name="password" type="password" autocomplete="new-password" minlength="8" maxlength="256" hint=${t('signIn.passwordHint')} required autofocus />
    <${Button} kind="primary" type="submit" busy=${state.busy}>${t('reset.save')}<//>
  </form>`;
  return html`<${SignPage} title=${t(path === '/invitation' ? 'invitation.title' : 'reset.newTitle')}>
    ${state.done ? html`<p role="status">${t('reset.done')}</p>` : form}
    <div class="sign-links"><a href=${url('/sign-in')}>${t('reset.back')}</a></div>
  <//>`;
}
