/** The sessions of the account: where it is signed in, and ending them. */
import { api } from '../lib/api.js';
import { dateTime } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { programName } from '../lib/program_name.js';
import { html, useState } from '../lib/ui.js';
import { useKeptFocus } from '../lib/use_kept_focus.js';
import { useLoaded } from '../lib/use_loaded.js';
import { Button } from './button.js';
import { ProblemNotice } from './problem_notice.js';
import { SettingsCard } from './settings_form.js';

export function SettingsSessions() {
  const sessions = useLoaded((signal) => api('GET', '/v1/me/sessions', { signal }), []);
  const rows = useKeptFocus('li');
  const [error, setError] = useState(/** @type {any} */ (null));
  const end = async (/** @type {string} */ path) => {
    setError(null);
    try {
      await api('DELETE', path);
      sessions.reload();
    } catch (failure) {
      setError(failure);
    }
  };
  const items = /** @type {any[]} */ (sessions.value?.items ?? []);
  return html`<${SettingsCard} title=${t('settings.sessions')}>
    <p class="note">${t('settings.sessions_note')}</p>
    ${error !== null && html`<${ProblemNotice} error=${error} />`}
    ${sessions.error !== null && html`<${ProblemNotice} error=${sessions.error} onRetry=${sessions.reload} />`}
    <ul class="item-rows" ref=${rows} aria-label=${t('settings.sessions')}>
      ${items.map(
        (each) => html`<li class="item-row" key=${each.id}>
          <div class="item-main">
            <span class="item-name" title=${each.user_agent}>${programName(each.user_agent ?? '')}</span>
            <span class="item-note">${each.address} · ${t('settings.last_used', { time: dateTime(each.last_used_at) })}</span>
          </div>
          ${each.current ? html`<span class="item-note">${t('settings.this_session')}</span>` : html`<${Button} aria-label=${t('settings.session_end_name', { name: nameOf(each) })} onClick=${() => end(`/v1/me/sessions/${each.id}`)}>${t('settings.session_end')}<//>`}
        </li>`,
      )}
    </ul>
    ${items.length > 1 && html`<p class="card-actions"><${Button} onClick=${() => end('/v1/me/sessions')}>${t('settings.sessions_end')}<//></p>`}
  <//>`;
}

/** @param {{user_agent: string | null, address: string, last_used_at: string}} session */
function nameOf({ user_agent, address, last_used_at }) {
  return `${programName(user_agent ?? '')}, ${address}, ${t('settings.last_used', { time: dateTime(last_used_at) })}`;
}
