/** The audit log for admins, newest first, with filters. */
import { Empty } from '../components/empty.js';
import { Field } from '../components/field.js';
import { MoreRows } from '../components/more_rows.js';
import { PageHeader } from '../components/page.js';
import { ProblemNotice } from '../components/problem_notice.js';
import { dateTime } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { withValue } from '../lib/input_value.js';
import { navigate } from '../lib/router.js';
import { html } from '../lib/ui.js';
import { accountName, useAccounts } from '../lib/use_accounts.js';
import { usePages } from '../lib/use_pages.js';

/** @param {{query: URLSearchParams}} props */
export default function Audit({ query }) {
  const action = query.get('action') ?? '';
  const since = query.get('since') ?? '';
  const list = usePages('/v1/admin/audit', { action, since: since && `${since}T00:00:00Z` });
  const filter = (/** @type {string} */ name) =>
    withValue((value) => {
      const next = new URLSearchParams(query);
      if (value.trim() === '') next.delete(name);
      else next.set(name, value.trim());
      navigate(`/admin/audit?${next}`, { replace: true });
    });
  const isEmpty = !list.loading && list.error === null && list.items.length === 0 && !list.hasMore;
  return html`<${PageHeader} title=${t('admin.audit')} />
    <div class="search-filters">
      <${Field} label=${t('admin.action')} name="action" defaultValue=${action} placeholder="login_failed" autocomplete="off" onChange=${filter('action')} />
      <${Field} label=${t('admin.audit_since')} name="since" type="date" defaultValue=${since} onChange=${filter('since')} />
    </div>
    ${list.error !== null && html`<${ProblemNotice} error=${list.error} onRetry=${list.retry} />`}
    ${isEmpty && html`<${Empty} icon="shield" title=${t('admin.audit_none')} text=${t('admin.audit_none_text')} />`}
    ${list.items.length > 0 && html`<${Events} items=${list.items} />`}
    <${MoreRows} list=${list} />`;
}

/** @param {{items: any[]}} props */
function Events({ items }) {
  const accounts = useAccounts(items.flatMap(({ actor_id, target }) => [actor_id, target]));
  return html`<div class="table-frame" tabindex="0" role="region" aria-label=${t('admin.audit')}>
    <table class="table">
      <thead>
        <tr>${['time', 'action', 'actor', 'target', 'address', 'detail'].map((name) => html`<th scope="col" key=${name}>${t(`admin.column_${name}`)}</th>`)}</tr>
      </thead>
      <tbody>
        ${items.map(
          (event) => html`<tr key=${event.id}>
            <td>${dateTime(event.at)}</td>
            <td>${event.action}</td>
            <td>${accountName(accounts, event.actor_id)}</td>
            <td>${accountName(accounts, event.target)}</td>
            <td>${event.address}</td>
            <td>${Object.entries(event.detail)
              .map(([name, value]) => `${name}: ${value}`)
              .join(', ')}</td>
          </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
