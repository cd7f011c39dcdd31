/** Passkeys: add one on this device, rename and remove them. */
import { api } from '../lib/api.js';
import { config } from '../lib/config.js';
import { date } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { addPasskey, canUsePasskeys } from '../lib/passkeys.js';
import { session } from '../lib/session.js';
import { html, useState } from '../lib/ui.js';
import { useFocusOfRegion, useKeptFocus } from '../lib/use_kept_focus.js';
import { useLoaded } from '../lib/use_loaded.js';
import { Button } from './button.js';
import { Field } from './field.js';
import { ProblemNotice } from './problem_notice.js';
import { SettingsCard, SettingsForm } from './settings_form.js';

export function SettingsPasskeys() {
  const list = useLoaded((signal) => api('GET', '/v1/me/passkeys', { signal }), []);
  const rows = useKeptFocus('li');
  const items = /** @type {any[]} */ (list.value?.items ?? []);
  const add = async (/** @type {Record<string, string>} */ values) => {
    const proof = { password: values.passkey_password, code: (values.passkey_code ?? '').trim() };
    await addPasskey(values.passkey_name.trim(), proof);
    list.reload();
  };
  return html`<${SettingsCard} title=${t('settings.passkeys')}>
    <p class="note">${t('settings.passkeys_note')}</p>
    ${list.error !== null && html`<${ProblemNotice} error=${list.error} onRetry=${list.reload} />`}
    <ul class="item-rows" ref=${rows} aria-label=${t('settings.passkeys')}>
      ${items.map((passkey) => html`<${Passkey} key=${passkey.id} passkey=${passkey} reload=${list.reload} />`)}
    </ul>
    ${!canUsePasskeys && html`<p class="note">${t('settings.passkeys_elsewhere', { host: config.passkey_host })}</p>`}
    ${
      canUsePasskeys &&
      html`<details>
        <summary>${t('settings.passkey_new')}</summary>
        <${SettingsForm} submit=${t('settings.passkey_add')} done=${t('settings.passkey_added')} clears send=${add}>
          <${Field} label=${t('settings.passkey_name')} name="passkey_name" maxlength="100" autocomplete="off" required />
          <${Field} label=${t('settings.passkey_password')} name="passkey_password" type="password" autocomplete="current-password" />
          ${session.value?.second_factor && html`<${Field} label=${t('settings.passkey_code')} name="passkey_code" autocomplete="one-time-code" required />`}
        <//>
      </details>`
    }
  <//>`;
}

/** @param {{passkey: any, reload: () => void}} props */
function Passkey({ passkey, reload }) {
  const [form, setForm] = useState(/** @type {'' | 'rename' | 'remove'} */ (''));
  const path = `/v1/me/passkeys/${passkey.id}`;
  const region = useFocusOfRegion([form]);
  const rename = async (/** @type {Record<string, string>} */ values) => {
    await api('PATCH', path, { body: { name: values[`name_${passkey.id}`].trim() } });
    setForm('');
    reload();
  };
  const remove = async (/** @type {Record<string, string>} */ values) => {
    await api('DELETE', path, { body: { password: values[`password_${passkey.id}`] } });
    reload();
  };
  const toggle = (/** @type {'rename' | 'remove'} */ kind) => setForm(form === kind ? '' : kind);
  return html`<li class="passkey" ref=${region}>
    <div class="item-row">
      <div class="item-main">
        <span class="item-name" dir="auto">${passkey.name}</span>
        <span class="item-note">${noteOf(passkey)}</span>
      </div>
      <${Button} aria-expanded=${form === 'rename'} aria-label=${t('settings.passkey_rename_name', { name: passkey.name })} onClick=${() => toggle('rename')}>${t('settings.passkey_rename')}<//>
      <${Button} aria-expanded=${form === 'remove'} aria-label=${t('settings.passkey_remove_name', { name: passkey.name })} onClick=${() => toggle('remove')}>${t('settings.passkey_remove')}<//>
    </div>
    ${
      form === 'rename' &&
      html`<${SettingsForm} submit=${t('common.save')} send=${rename}>
        <${Field} label=${t('settings.passkey_new_name')} name=${`name_${passkey.id}`} defaultValue=${passkey.name} maxlength="100" autocomplete="off" required autofocus />
      <//>`
    }
    ${
      form === 'remove' &&
      html`<${SettingsForm} submit=${t('settings.passkey_remove_now')} done=${t('settings.passkey_removed')} danger send=${remove}>
        <${Field} label=${t('settings.passkey_password')} name=${`password_${passkey.id}`} type="password" autocomplete="current-password" autofocus />
      <//>`
    }
  </li>`;
}

/** @param {any} passkey */
function noteOf(passkey) {
  const used =
    passkey.last_used_at === null
      ? t('settings.passkey_unused')
      : t('settings.last_used', { time: date(passkey.last_used_at) });
  return [t('settings.passkey_since', { time: date(passkey.created_at) }), used].join(' · ');
}
