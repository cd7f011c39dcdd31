/** API tokens: for scripts and other programs. */
import { api } from '../lib/api.js';
import { date } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { html, useState } from '../lib/ui.js';
import { useKeptFocus } from '../lib/use_kept_focus.js';
import { usePages } from '../lib/use_pages.js';
import { Button } from './button.js';
import { CopyField } from './copy_field.js';
import { Checkbox, Field, Select } from './field.js';
import { MoreRows } from './more_rows.js';
import { ProblemNotice } from './problem_notice.js';
import { SettingsCard, SettingsForm } from './settings_form.js';

const SCOPES = ['read', 'write', 'share', 'account'];
const DAYS = ['30', '365', 'never'];

export function SettingsTokens() {
  const list = usePages('/v1/me/tokens');
  const [created, setCreated] = useState(/** @type {any} */ (null));
  const rows = useKeptFocus('li');
  const [error, setError] = useState(/** @type {any} */ (null));
  const create = async (/** @type {Record<string, string>} */ values) => {
    const scopes = SCOPES.filter((scope) => values[`scope_${scope}`] === 'on');
    const ends = values.days === 'never' ? {} : { expires_at: inDays(Number(values.days)) };
    setCreated(await api('POST', '/v1/me/tokens', { body: { name: values.token_name.trim(), scopes, ...ends } }));
    list.reload();
  };
  const revoke = async (/** @type {any} */ token) => {
    setError(null);
    try {
      await api('DELETE', `/v1/me/tokens/${token.id}`);
      if (created?.id === token.id) setCreated(null);
      list.change((items) => items.filter((/** @type {any} */ each) => each.id !== token.id));
    } catch (failure) {
      setError(failure);
    }
  };
  const ends = DAYS.map((each) => [each, t(`settings.token_days_${each}`)]);
  return html`<${SettingsCard} title=${t('settings.tokens')}>
    <p class="note">${t('settings.tokens_note')}</p>
    ${error !== null && html`<${ProblemNotice} error=${error} />`}
    ${list.error !== null && html`<${ProblemNotice} error=${list.error} onRetry=${list.retry} />`}
    ${
      created !== null &&
      html`<div class="share-created" role="status">
        <${CopyField} label=${t('settings.token')} value=${created.token} />
        <p class="share-note">${t('settings.token_once')}</p>
      </div>`
    }
    <ul class="item-rows" ref=${rows} aria-label=${t('settings.tokens')}>
      ${list.items.map(
        (/** @type {any} */ token) => html`<li class="item-row" key=${token.id}>
          <div class="item-main">
            <span class="item-name" dir="auto">${token.name}</span>
            <span class="item-note">${noteOf(token)}</span>
          </div>
          <${Button} aria-label=${t('settings.token_revoke_name', { name: token.name })} onClick=${() => revoke(token)}>${t('settings.token_revoke')}<//>
        </li>`,
      )}
    </ul>
    <${MoreRows} list=${list} />
    <details>
      <summary>${t('settings.token_new')}</summary>
      <${SettingsForm} submit=${t('settings.token_create')} clears send=${create}>
        <${Field} label=${t('settings.token_name')} name="token_name" maxlength="100" autocomplete="off" required />
        <fieldset class="choices">
          <legend>${t('settings.token_scopes')}</legend>
          ${SCOPES.map((scope) => html`<${Checkbox} key=${scope} name=${`scope_${scope}`} label=${t(`settings.scope_${scope}`)} defaultChecked=${scope === 'read'} />`)}
        </fieldset>
        <${Select} label=${t('settings.token_days')} name="days" value="365" options=${ends} />
      <//>
    </details>
  <//>`;
}

/** @param {any} token */
function noteOf(token) {
  const scopes = token.scopes.map((/** @type {string} */ scope) => t(`settings.scope_${scope}`)).join(', ');
  const end = token.expires_at === null ? t('settings.token_days_never') : date(token.expires_at);
  const used =
    token.last_used_at === null
      ? t('settings.token_unused')
      : t('settings.last_used', { time: date(token.last_used_at) });
  return [scopes, t('settings.token_ends', { time: end }), used].join(' · ');
}

/** @param {number} days */
function inDays(days) {
  return new Date(Date.now() + days * 86_400_000).toISOString();
}
