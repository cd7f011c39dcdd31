/** The settings of the account and of this browser. */
import { PageHeader } from '../components/page.js';
import { SettingsPasskeys } from '../components/settings_passkeys.js';
import { SettingsPassword } from '../components/settings_password.js';
import { SettingsProfile } from '../components/settings_profile.js';
import { SettingsSecondFactor } from '../components/settings_second_factor.js';
import { SettingsSessions } from '../components/settings_sessions.js';
import { SettingsTokens } from '../components/settings_tokens.js';
import { config } from '../lib/config.js';
import { t } from '../lib/i18n.js';
import { html } from '../lib/ui.js';

export default function Settings() {
  return html`<div class="settings">
    <${PageHeader} title=${t('settings.title')} />
    <${SettingsProfile} />
    ${config.passwords && html`<${SettingsPassword} />`}
    ${config.passwords && html`<${SettingsSecondFactor} />`}
    ${config.passkey_host && html`<${SettingsPasskeys} />`}
    <${SettingsSessions} />
    <${SettingsTokens} />
  </div>`;
}
