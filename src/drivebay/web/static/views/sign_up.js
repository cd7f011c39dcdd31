/** Sign-up: a new account with an email address and a password. */
import { Button } from '../components/button.js';
import { Field, formValues } from '../components/field.js';
import { SignPage } from '../components/sign_page.js';
import { ApiError } from '../lib/api.js';
import { config } from '../lib/config.js';
import { errorText } from '../lib/errors.js';
import { fieldErrorText } from '../lib/field_errors.js';
import { t } from '../lib/i18n.js';
import { navigate, url } from '../lib/router.js';
import { signUp } from '../lib/session.js';
import { html, useState } from '../lib/ui.js';
import { pathOf } from './sign_in.js';

/** @param {{query: URLSearchParams}} props */
export default function SignUp({ query }) {
  const [errors, setErrors] = useState(/** @type {Record<string, string>} */ ({}));
  const [busy, setBusy] = useState(false);
  const submit = async (/** @type {Event} */ event) => {
    const { email, password } = formValues(event);
    setBusy(true);
    setErrors({});
    try {
      await signUp(email, password);
      navigate(pathOf(query.get('next')), { replace: true });
    } catch (error) {
      const fields = error instanceof ApiError ? error.errors : [];
      const known = fields.filter(({ field }) => field === 'email' || field === 'password');
      setErrors(
        known.length
          ? Object.fromEntries(known.map((each) => [each.field, fieldErrorText(each)]))
          : { form: errorText(error) },
      );
      setBusy(false);
    }
  };
  return html`<${SignPage} title=${t('signUp.title')}>
    ${
      config.signup
        ? html`<form onSubmit=${submit}>
          ${errors.form && html`<p class="form-error" role="alert">${errors.form}</p>`}
          <${Field} label=${t('signIn.email')} name="email" type="email" autocomplete="username" error=${errors.email} required autofocus />
          <${Field} label=${t('signIn.password')} name="password" type="password" autocomplete="new-password" minlength="8" maxlength="256" hint=${t('signIn.passwordHint')} error=${errors.password} required />
          <${Button} kind="primary" type="submit" busy=${busy}>${t('signUp.title')}<//>
        </form>`
        : html`<p>${t('signUp.closed')}</p>`
    }
    <div class="sign-links"><a href=${url('/sign-in')}>${t('signIn.have')}</a></div>
  <//>`;
}
