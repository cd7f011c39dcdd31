/** The form that changes the password. */
import { api } from '../lib/api.js';
import { t } from '../lib/i18n.js';
import { html } from '../lib/ui.js';
import { Field } from './field.js';
import { SettingsCard, SettingsForm } from './settings_form.js';

export function SettingsPassword() {
  const send = (/** @type {Record<string, string>} */ { current, password }) =>
    api('POST', '/v1/me/password', { body: { current_password: current, new_password: password } });
  return html`<${SettingsCard} title=${t('settings.password')}>
    <p class="note">${t('settings.password_note')}</p>
    <${SettingsForm} submit=${t('settings.password_change')} done=${t('settings.password_changed')} clears send=${send}>
      <${Field} label=${t('settings.password_current')} name="current" type="password" autocomplete="current-password" required />
      <${Field} label=${t('settings.password_new')} name="password" type="password" autocomplete="new-password" minlength="8" maxlength="256" required />
    <//>
  <//>`;
}
