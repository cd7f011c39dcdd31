/** The trash: restore, delete for good, empty. */

import { Button } from '../components/button.js';
import { confirm } from '../components/dialog.js';
import { Empty } from '../components/empty.js';
import { ItemRow } from '../components/item_row.js';
import { MoreRows } from '../components/more_rows.js';
import { PageHeader } from '../components/page.js';
import { ProblemNotice } from '../components/problem_notice.js';
import { toast } from '../components/toast.js';
import { api } from '../lib/api.js';
import { bytes, date } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { html, useState } from '../lib/ui.js';
import { noteChanges, noteEmptyTrash, offerUndo } from '../lib/undo.js';
import { useDriveTitle } from '../lib/use_drive_title.js';
import { useKeptFocus } from '../lib/use_kept_focus.js';
import { usePages } from '../lib/use_pages.js';

/** @param {{query: URLSearchParams}} props */
export default function Trash({ query }) {
  const drive = { drive_id: query.get('drive_id') };
  const title = useDriveTitle(t('trash.title'), drive.drive_id);
  const list = usePages('/v1/trash', drive);
  const rows = useKeptFocus('li');
  const [error, setError] = useState(/** @type {any} */ (null));

  /** @param {() => Promise<unknown>} act */
  const attempt = async (act) => {
    setError(null);
    try {
      await act();
    } catch (failure) {
      setError(failure);
    }
  };
  const without = (/** @type {string} */ id) =>
    list.change((items) => items.filter((/** @type {any} */ each) => each.id !== id));

  const restore = (/** @type {any} */ item) =>
    attempt(async () => {
      const of = { drive_id: item.drive_id };
      const restored = await api('POST', `/v1/files/${item.id}/restore`, { query: of });
      without(item.id);
      noteChanges([{ what: 'restored', file_id: item.id, file: restored }]);
      const undo = () =>
        attempt(async () => {
          await api('DELETE', `/v1/files/${item.id}`, { query: of });
          list.reload();
        });
      offerUndo(t('trash.restored', { name: restored.name }), {
        what: 'place',
        drive: drive.drive_id,
        ids: [item.id],
        undo,
      });
    });
  const remove = async (/** @type {any} */ item) => {
    const { name } = item;
    const question = {
      title: t('trash.delete_title', { name }),
      text: t('trash.delete_text'),
      submit: t('trash.delete'),
      danger: true,
    };
    if (!(await confirm(question))) return;
    await attempt(async () => {
      await api('DELETE', `/v1/trash/${item.id}`, { query: { drive_id: item.drive_id } });
      without(item.id);
      noteChanges([{ what: 'deleted', file_id: item.id, file: null }]);
      toast(t('trash.deleted', { name }));
    });
  };
  const empty = async () => {
    const question = {
      title: t('trash.empty_question'),
      text: t('trash.empty_warning'),
      submit: t('trash.empty_action'),
      danger: true,
    };
    if (!(await confirm(question))) return;
    await attempt(async () => {
      await api('DELETE', '/v1/trash', { query: drive });
      noteEmptyTrash(drive.drive_id);
      list.change(() => []);
      list.reload();
    });
  };

  const isEmpty = !list.loading && list.error === null && list.items.length === 0 && !list.hasMore;
  const actions =
    list.items.length > 0 && html`<${Button} kind="danger" onClick=${empty}>${t('trash.empty_action')}<//>`;
  return html`<${PageHeader} title=${title}>${actions}<//>
    ${error !== null && html`<${ProblemNotice} error=${error} />`}
    ${list.error !== null && html`<${ProblemNotice} error=${list.error} onRetry=${list.retry} />`}
    ${isEmpty && html`<${Empty} icon="trash" title=${t('trash.nothing_title')} text=${t('trash.nothing_text')} />`}
    <ul class="item-rows" ref=${rows} aria-label=${t('trash.title')} aria-busy=${list.loading}>
      ${list.items.map(
        (/** @type {any} */ item) => html`<${ItemRow} key=${item.id} item=${item} opens=${false} note=${noteOf(item)}>
          <${Button} aria-label=${t('trash.restore_name', { name: item.name })} onClick=${() => restore(item)}>${t('trash.restore')}<//>
          <${Button} aria-label=${t('trash.delete_name', { name: item.name })} onClick=${() => remove(item)}>${t('trash.delete')}<//>
        <//>`,
      )}
    </ul>
    <${MoreRows} list=${list} />`;
}

/** @param {any} item */
function noteOf(item) {
  const parts = [t('trash.since', { time: date(item.trashed_at) })];
  if (item.kind === 'file') parts.unshift(bytes(item.size));
  if (item.purge_after) parts.push(t('trash.purged', { time: date(item.purge_after) }));
  return parts.join(' · ');
}
