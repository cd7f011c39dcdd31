/** The view of starred files and folders. */

import { Button } from '../components/button.js';
import { Empty } from '../components/empty.js';
import { ItemRow } from '../components/item_row.js';
import { MoreRows } from '../components/more_rows.js';
import { PageHeader } from '../components/page.js';
import { ProblemNotice } from '../components/problem_notice.js';
import { api } from '../lib/api.js';
import { bytes, date } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { html, useState } from '../lib/ui.js';
import { useDriveTitle } from '../lib/use_drive_title.js';
import { useKeptFocus } from '../lib/use_kept_focus.js';
import { usePages } from '../lib/use_pages.js';

/** @param {{query: URLSearchParams}} props */
export default function Starred({ query }) {
  const drive = query.get('drive_id');
  const title = useDriveTitle(t('starred.title'), drive);
  const list = usePages('/v1/files', { starred: true, drive_id: drive });
  const rows = useKeptFocus('li');
  const [error, setError] = useState(/** @type {any} */ (null));
  const unstar = async (/** @type {any} */ item) => {
    setError(null);
    try {
      await api('PATCH', `/v1/files/${item.id}`, { query: { drive_id: item.drive_id }, body: { starred: false } });
      list.change((items) => items.filter((/** @type {any} */ each) => each.id !== item.id));
    } catch (failure) {
      setError(failure);
    }
  };
  const isEmpty = !list.loading && list.error === null && list.items.length === 0 && !list.hasMore;
  return html`<${PageHeader} title=${title} />
    ${error !== null && html`<${ProblemNotice} error=${error} />`}
    ${list.error !== null && html`<${ProblemNotice} error=${list.error} onRetry=${list.retry} />`}
    ${isEmpty && html`<${Empty} icon="star" title=${t('starred.empty_title')} text=${t('starred.empty_text')} />`}
    <ul class="item-rows" ref=${rows} aria-label=${t('starred.title')} aria-busy=${list.loading}>
      ${list.items.map(
        (
          /** @type {any} */ item,
        ) => html`<${ItemRow} key=${item.id} item=${item} siblings=${list.items} note=${noteOf(item)}>
          <${Button} aria-label=${t('starred.remove_name', { name: item.name })} onClick=${() => unstar(item)}>${t('starred.remove')}<//>
        <//>`,
      )}
    </ul>
    <${MoreRows} list=${list} />`;
}

/** @param {any} item */
function noteOf(item) {
  const time = date(item.modified_at);
  return item.kind === 'file' ? `${bytes(item.size)} · ${time}` : time;
}
