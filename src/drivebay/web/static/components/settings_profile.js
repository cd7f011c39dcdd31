/** The settings of the profile: name, language and colors, and how much space is used. */
import { api } from '../lib/api.js';
import { config } from '../lib/config.js';
import { LANGUAGES, language, setLanguage, t } from '../lib/i18n.js';
import { withValue } from '../lib/input_value.js';
import { loadUser, session } from '../lib/session.js';
import { setTheme, theme } from '../lib/theme.js';
import { html } from '../lib/ui.js';
import { Field, Select } from './field.js';
import { SettingsCard, SettingsForm } from './settings_form.js';
import { SettingsUsage } from './settings_usage.js';
import { toastError } from './toast.js';

const THEMES = ['system', 'light', 'dark'];

function Unconfirmed() {
  return html`<p>${t('settings.unconfirmed')}</p>
    <${SettingsForm} submit=${t('settings.confirm_send')} done=${t('settings.confirm_sent')} send=${() => api('POST', '/v1/me/email/verification')} />`;
}

export function SettingsProfile() {
  const user = session.value;
  if (user === null) return null;
  const save = async (/** @type {Record<string, string>} */ values) => {
    await api('PATCH', '/v1/me', { body: { display_name: values.display_name.trim() } });
    await loadUser();
  };
  const languages = Object.entries(LANGUAGES);
  const themes = THEMES.map((each) => [each, t(`settings.theme_${each}`)]);
  return html`<${SettingsCard} title=${t('settings.profile')}>
      <p class="note">${user.email}</p>
      ${config.mail && !user.email_verified && html`<${Unconfirmed} />`}
      <${SettingsForm} submit=${t('common.save')} done=${t('settings.saved')} send=${save}>
        <${Field} label=${t('settings.display_name')} name="display_name" maxlength="100" autocomplete="name" defaultValue=${user.display_name} hint=${t('settings.display_name_hint')} />
      <//>
    <//>
    <${SettingsCard} title=${t('settings.browser')}>
      <${Select} label=${t('settings.language')} name="language" value=${language.value} options=${languages} onChange=${withValue((tag) => void setLanguage(tag).catch(toastError))} />
      <${Select} label=${t('settings.theme')} name="theme" value=${theme()} options=${themes} onChange=${withValue((value) => setTheme(/** @type {any} */ (value)))} />
    <//>
    <${SettingsUsage} usage=${user.usage} />`;
}
