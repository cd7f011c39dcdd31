/** The view of the links that the user created. A manager of a drive sees the links of other users too. */

import { Button } from '../components/button.js';
import { Empty } from '../components/empty.js';
import { ItemRow } from '../components/item_row.js';
import { MoreRows } from '../components/more_rows.js';
import { PageHeader } from '../components/page.js';
import { ProblemNotice } from '../components/problem_notice.js';
import { limitsOf } from '../components/share_links.js';
import { api } from '../lib/api.js';
import { t } from '../lib/i18n.js';
import { html, useState } from '../lib/ui.js';
import { useDriveTitle } from '../lib/use_drive_title.js';
import { useKeptFocus } from '../lib/use_kept_focus.js';
import { useLoaded } from '../lib/use_loaded.js';
import { usePages } from '../lib/use_pages.js';

/** @param {{query: URLSearchParams}} props */
export default function Links({ query }) {
  const drive = { drive_id: query.get('drive_id') };
  const title = useDriveTitle(t('links.title'), drive.drive_id);
  const list = usePages('/v1/links', drive);
  const rows = useKeptFocus('li');
  const [error, setError] = useState(/** @type {any} */ (null));
  const withdraw = async (/** @type {any} */ link) => {
    setError(null);
    try {
      await api('DELETE', `/v1/links/${link.id}`, { query: drive });
      list.change((items) => items.filter((/** @type {any} */ each) => each.id !== link.id));
    } catch (failure) {
      setError(failure);
    }
  };
  const isEmpty = !list.loading && list.error === null && list.items.length === 0 && !list.hasMore;
  return html`<${PageHeader} title=${title} />
    ${error !== null && html`<${ProblemNotice} error=${error} />`}
    ${list.error !== null && html`<${ProblemNotice} error=${list.error} onRetry=${list.retry} />`}
    ${isEmpty && html`<${Empty} icon="link" title=${t('links.empty_title')} text=${t('links.empty_text')} />`}
    <ul class="item-rows" ref=${rows} aria-label=${t('links.title')} aria-busy=${list.loading}>
      ${list.items.map(
        (/** @type {any} */ link) =>
          html`<${LinkRow} key=${link.id} link=${link} drive=${drive} onWithdraw=${() => withdraw(link)} />`,
      )}
    </ul>
    <${MoreRows} list=${list} />`;
}

/** @param {{link: any, drive: {drive_id: string | null}, onWithdraw: () => void}} props */
function LinkRow({ link, drive, onWithdraw }) {
  const file = useLoaded((signal) => api('GET', `/v1/files/${link.file_id}`, { query: drive, signal }), [link.file_id]);
  const note = [link.name, limitsOf(link)].filter(Boolean).join(' · ');
  const missing = {
    id: link.file_id,
    kind: 'file',
    name: t(file.loading ? 'common.loading' : 'links.in_trash'),
    content_type: '',
    size: 0,
  };
  return html`<${ItemRow} item=${file.value ?? missing} opens=${file.value !== null} note=${note}>
    <${Button} aria-label=${t('share.withdraw_name', { name: link.name ?? file.value?.name ?? '' })} onClick=${onWithdraw}>
      ${t('share.withdraw')}
    <//>
  <//>`;
}
