/** Administration: figures of the deployment, and its accounts. */
import { Button } from '../components/button.js';
import { openDialog } from '../components/dialog.js';
import { Empty } from '../components/empty.js';
import { MoreRows } from '../components/more_rows.js';
import { PageHeader } from '../components/page.js';
import { ProblemNotice } from '../components/problem_notice.js';
import { NewUserDialog, UserDialog } from '../components/user_dialogs.js';
import { api } from '../lib/api.js';
import { bytes, date, number } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { navigate, url } from '../lib/router.js';
import { html, useEffect, useRef, useState } from '../lib/ui.js';
import { useKeptFocus } from '../lib/use_kept_focus.js';
import { useLoaded } from '../lib/use_loaded.js';
import { usePages } from '../lib/use_pages.js';

const PAUSE_MS = 200;
const FIGURES = [
  'users',
  'drives',
  'files',
  'used_bytes',
  'reserved_bytes',
  'pending_uploads',
  'purges_due',
  'dead_letters',
];

/** @param {{query: URLSearchParams}} props */
export default function Admin({ query }) {
  const q = query.get('q') ?? '';
  const list = usePages('/v1/admin/users', { q, sort: 'email' });
  const rows = useKeptFocus('li');
  const create = async () => {
    await openDialog(NewUserDialog);
    list.reload();
  };
  const edit = async (/** @type {any} */ user) => {
    await openDialog(UserDialog, { user });
    list.reload();
  };
  const isEmpty = !list.loading && list.error === null && list.items.length === 0 && !list.hasMore;
  return html`<${PageHeader} title=${t('admin.title')}>
      <a class="button button-plain" href=${url('/admin/audit')}>${t('admin.audit')}</a>
      <${Button} kind="primary" icon="plus" onClick=${create}>${t('admin.new_user')}<//>
    <//>
    <${Figures} />
    <${UserSearch} q=${q} />
    ${list.error !== null && html`<${ProblemNotice} error=${list.error} onRetry=${list.retry} />`}
    ${isEmpty && html`<${Empty} icon="people" title=${t('admin.none_title')} text=${t('admin.none_text')} />`}
    <ul class="item-rows" ref=${rows} aria-label=${t('admin.users')} aria-busy=${list.loading}>
      ${list.items.map(
        (/** @type {any} */ user) => html`<li class="item-row" key=${user.id}>
          <div class="item-main">
            <button type="button" class="item-name item-open" dir="auto" onClick=${() => edit(user)}>${user.email}</button>
            <span class="item-note" dir="auto">${noteOf(user)}</span>
          </div>
        </li>`,
      )}
    </ul>
    <${MoreRows} list=${list} />`;
}

function Figures() {
  const stats = useLoaded((signal) => api('GET', '/v1/admin/stats', { signal }), []);
  if (stats.error !== null) return html`<${ProblemNotice} error=${stats.error} onRetry=${stats.reload} />`;
  const values = /** @type {Record<string, number> | null} */ (stats.value);
  if (values === null) return null;
  return html`<dl class="figures">
    ${FIGURES.map(
      (name) => html`<div class="figure" key=${name}>
        <dt>${t(`admin.figure_${name}`)}</dt>
        <dd>${name.endsWith('_bytes') ? bytes(values[name]) : number(values[name])}</dd>
      </div>`,
    )}
  </dl>`;
}

/** @param {{q: string}} props */
function UserSearch({ q }) {
  const [text, setText] = useState(q);
  const first = useRef(true);
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return undefined;
    }
    const timer = setTimeout(
      () => navigate(`/admin?${new URLSearchParams({ q: text.trim() })}`, { replace: true }),
      PAUSE_MS,
    );
    return () => clearTimeout(timer);
  }, [text]);
  return html`<div class="field">
    <label for="user-search">${t('admin.search')}</label>
    <input id="user-search" type="search" autocomplete="off" value=${text} onInput=${(/** @type {any} */ event) => setText(event.currentTarget.value)} />
  </div>`;
}

/** @param {any} user */
function noteOf(user) {
  const parts = [t(`admin.role_${user.role}`)];
  if (user.display_name) parts.unshift(user.display_name);
  if (user.disabled) parts.push(t('admin.disabled'));
  parts.push(t('admin.used', { used: bytes(user.usage.used_bytes), limit: bytes(user.usage.limit_bytes) }));
  parts.push(
    user.last_login_at === null ? t('admin.never') : t('admin.last_login', { time: date(user.last_login_at) }),
  );
  return parts.join(' · ');
}
