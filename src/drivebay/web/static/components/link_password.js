/** The form for the password of a link. */

import { t } from '../lib/i18n.js';
import { withValue } from '../lib/input_value.js';
import { unlockLink } from '../lib/public_link.js';
import { html, useState } from '../lib/ui.js';
import { Button } from './button.js';
import { Field } from './field.js';
import { LinkFrame } from './link_frame.js';
import { ProblemNotice } from './problem_notice.js';

/** The page with the form. @param {{token: string, onUnlocked: () => void}} props */
export function LinkPassword({ token, onUnlocked }) {
  return html`<${LinkFrame} title=${t('linkPage.password_title')}>
    <${LinkPasswordForm} token=${token} onUnlocked=${onUnlocked} />
  <//>`;
}

/** @param {{token: string, onUnlocked: () => void}} props */
export function LinkPasswordForm({ token, onUnlocked }) {
  const [password, setPassword] = useState('');
  const [error, setError] = useState(/** @type {any} */ (null));
  const [sending, setSending] = useState(false);

  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setSending(true);
    setError(null);
    try {
      await unlockLink(token, password);
      onUnlocked();
    } catch (failure) {
      setError(failure);
      setSending(false);
    }
  };

  const wrong = error?.code === 'invalid_credentials';
  return html`<form class="link-form" onSubmit=${submit}>
      <p class="link-lead">${t('linkPage.password_text')}</p>
      <${Field}
        label=${t('linkPage.password')}
        type="password"
        name="password"
        autocomplete="off"
        required
        value=${password}
        error=${wrong ? t('linkPage.password_wrong') : ''}
        onInput=${withValue(setPassword)}
      />
      ${error !== null && !wrong && html`<${ProblemNotice} error=${error} />`}
      <${Button} kind="primary" type="submit" disabled=${sending || password === ''}>${t('linkPage.open')}<//>
  </form>`;
}
