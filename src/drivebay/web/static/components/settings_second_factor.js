/** The second factor: turn it on with an authenticator app, keep the recovery codes, turn it off. */
import { api } from '../lib/api.js';
import { t } from '../lib/i18n.js';
import { loadUser, session } from '../lib/session.js';
import { html, useState } from '../lib/ui.js';
import { useFocusOfRegion } from '../lib/use_kept_focus.js';
import { Button } from './button.js';
import { CopyField } from './copy_field.js';
import { Field } from './field.js';
import { ProblemNotice } from './problem_notice.js';
import { QrCode } from './qr_code.js';
import { SettingsCard, SettingsForm } from './settings_form.js';

export function SettingsSecondFactor() {
  const [secret, setSecret] = useState(/** @type {{secret: string, uri: string} | null} */ (null));
  const [codes, setCodes] = useState(/** @type {string[]} */ ([]));
  const [error, setError] = useState(/** @type {any} */ (null));
  const isOn = session.value?.second_factor === true;
  const region = useFocusOfRegion([secret, codes, isOn]);

  const begin = async () => {
    setError(null);
    try {
      setSecret(await api('POST', '/v1/me/totp'));
    } catch (failure) {
      setError(failure);
    }
  };
  const confirmCode = async (/** @type {Record<string, string>} */ { factor_code }) => {
    const confirmed = await api('POST', '/v1/me/totp/confirm', { body: { code: factor_code.trim() } });
    setCodes(confirmed.recovery_codes);
    setSecret(null);
    await loadUser();
  };
  const turnOff = async (/** @type {Record<string, string>} */ { factor_password, factor_code }) => {
    await api('DELETE', '/v1/me/totp', { body: { password: factor_password, code: factor_code.trim() } });
    setCodes([]);
    await loadUser();
  };

  return html`<${SettingsCard} title=${t('settings.factor')}>
    <p class="note">${t(isOn ? 'settings.factor_on' : 'settings.factor_off')}</p>
    ${error !== null && html`<${ProblemNotice} error=${error} />`}
    <div ref=${region}>
    ${codes.length > 0 && html`<${RecoveryCodes} codes=${codes} />`}
    ${!isOn && secret === null && html`<${Button} kind="primary" onClick=${begin}>${t('settings.factor_begin')}<//>`}
    ${!isOn && secret !== null && html`<${NewSecret} secret=${secret} send=${confirmCode} />`}
    ${
      isOn &&
      html`<details>
        <summary>${t('settings.factor_end')}</summary>
        <${SettingsForm} submit=${t('settings.factor_end')} done=${t('settings.factor_ended')} danger send=${turnOff}>
          <${Field} label=${t('settings.password_current')} name="factor_password" type="password" autocomplete="current-password" required />
          <${Field} label=${t('settings.factor_code')} name="factor_code" autocomplete="one-time-code" required />
        <//>
      </details>`
    }
    </div>
  <//>`;
}

/** @param {{secret: {secret: string, uri: string}, send: (values: Record<string, string>) => Promise<void>}} props */
function NewSecret({ secret, send }) {
  return html`<p class="note">${t('settings.factor_steps')}</p>
    <${QrCode} text=${secret.uri} label=${t('settings.factor_qr')} />
    <${CopyField} label=${t('settings.factor_secret')} value=${secret.secret} />
    <p class="note"><a href=${secret.uri}>${t('settings.factor_open')}</a></p>
    <${SettingsForm} submit=${t('settings.factor_confirm')} done=${t('settings.factor_done')} send=${send}>
      <${Field} label=${t('settings.factor_code')} name="factor_code" data-autofocus inputmode="numeric" autocomplete="one-time-code" required />
    <//>`;
}

/** @param {{codes: string[]}} props */
function RecoveryCodes({ codes }) {
  return html`<div class="share-created" role="status">
    <p><strong>${t('settings.recovery')}</strong></p>
    <p class="note">${t('settings.recovery_note')}</p>
    <pre class="codes" tabindex="-1" data-autofocus>${codes.join('\n')}</pre>
  </div>`;
}
