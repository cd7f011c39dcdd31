/** The versions of a file: download one, make one current again, delete an old one for good. */

import { api } from '../lib/api.js';
import { save } from '../lib/downloads.js';
import { bytes, dateTime } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { html, useState } from '../lib/ui.js';
import { useKeptFocus } from '../lib/use_kept_focus.js';
import { usePages } from '../lib/use_pages.js';
import { Button } from './button.js';
import { confirm } from './dialog.js';
import { MoreRows } from './more_rows.js';
import { ProblemNotice } from './problem_notice.js';
import { toast } from './toast.js';

/**
 * @typedef {{id: string, size: number, created_at: string, current: boolean}} Version
 *
 * @param {{file: any, canEdit: boolean, onChange: (file: any) => void}} props  `onChange` gets the file with another current version
 */
export function Versions({ file, canEdit, onChange }) {
  const query = { drive_id: file.drive_id };
  const path = `/v1/files/${file.id}/versions`;
  const list = usePages(path, query);
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
  const download = (/** @type {Version} */ { id }) =>
    attempt(async () => save((await api('GET', `${path}/${id}/download`, { query })).url));
  const restore = (/** @type {Version} */ { id, created_at }) =>
    attempt(async () => {
      const changed = await api('POST', `${path}/${id}/restore`, { query });
      toast(t('versions.restored', { date: dateTime(created_at) }));
      list.reload();
      onChange(changed);
    });
  const remove = async (/** @type {Version} */ { id, created_at }) => {
    const question = {
      title: t('versions.delete_title', { date: dateTime(created_at) }),
      text: t('versions.delete_text'),
      submit: t('versions.delete'),
      danger: true,
    };
    if (!(await confirm(question))) return;
    await attempt(async () => {
      await api('DELETE', `${path}/${id}`, { query });
      list.change((versions) => versions.filter((/** @type {any} */ each) => each.id !== id));
      toast(t('versions.deleted'));
    });
  };

  return html`<section class="versions" aria-label=${t('versions.title')}>
    <h3>${t('versions.title')}</h3>
    ${error !== null && html`<${ProblemNotice} error=${error} />`}
    ${list.error !== null && html`<${ProblemNotice} error=${list.error} onRetry=${list.retry} />`}
    <ul ref=${rows} aria-busy=${list.loading}>
      ${list.items.map((/** @type {any} */ version) => {
        const when = { date: dateTime(version.created_at) };
        return html`<li key=${version.id}>
          <p>${when.date} · ${bytes(version.size)}${version.current && html` · <strong>${t('versions.current')}</strong>`}</p>
          <div class="versions-actions">
            <${Button} aria-label=${t('versions.download_name', when)} onClick=${() => download(version)}>${t('versions.download')}<//>
            ${canEdit && !version.current && html`<${Button} aria-label=${t('versions.restore_name', when)} onClick=${() => restore(version)}>${t('versions.restore')}<//>`}
            ${canEdit && !version.current && html`<${Button} aria-label=${t('versions.delete_name', when)} onClick=${() => remove(version)}>${t('versions.delete')}<//>`}
          </div>
        </li>`;
      })}
    </ul>
    <${MoreRows} list=${list} />
  </section>`;
}
