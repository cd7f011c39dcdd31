/** The view of shared drives: create, open, rename, members, leave, delete. */

import { Button } from '../components/button.js';
import { confirm, FormDialog, openDialog } from '../components/dialog.js';
import { Empty } from '../components/empty.js';
import { Field } from '../components/field.js';
import { openMembersDialog } from '../components/members_dialog.js';
import { MoreRows } from '../components/more_rows.js';
import { PageHeader } from '../components/page.js';
import { ProblemNotice } from '../components/problem_notice.js';
import { api } from '../lib/api.js';
import { bytes } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { url } from '../lib/router.js';
import { session } from '../lib/session.js';
import { html, useState } from '../lib/ui.js';
import { useKeptFocus } from '../lib/use_kept_focus.js';
import { usePages } from '../lib/use_pages.js';

/** @typedef {{id: string, kind: string, name: string, role: string, usage: {used_bytes: number, file_count: number}}} Drive */

export default function Drives() {
  const list = usePages('/v1/drives');
  const rows = useKeptFocus('li');
  const [error, setError] = useState(/** @type {any} */ (null));
  const drives = list.items.filter((/** @type {any} */ drive) => drive.kind === 'shared');

  /** @param {() => Promise<unknown>} act */
  const change = async (act) => {
    setError(null);
    try {
      await act();
      list.reload();
    } catch (failure) {
      setError(failure);
    }
  };
  const create = async () => {
    const drive = await openDialog(NameDialog, {
      title: t('drives.create'),
      submit: t('drives.create_action'),
      send: (/** @type {string} */ name) => api('POST', '/v1/drives', { body: { name } }),
    });
    if (drive !== undefined) list.reload();
  };

  const isEmpty = !list.loading && list.error === null && drives.length === 0 && !list.hasMore;
  const action = html`<${Button} kind="primary" onClick=${create}>${t('drives.create')}<//>`;
  return html`<${PageHeader} title=${t('drives.title')}>${action}<//>
    ${error !== null && html`<${ProblemNotice} error=${error} />`}
    ${list.error !== null && html`<${ProblemNotice} error=${list.error} onRetry=${list.retry} />`}
    ${isEmpty && html`<${Empty} icon="people" title=${t('drives.empty_title')} text=${t('drives.empty_text')} />`}
    <ul class="item-rows" ref=${rows} aria-label=${t('drives.title')} aria-busy=${list.loading}>
      ${drives.map((/** @type {any} */ drive) => html`<${DriveRow} key=${drive.id} drive=${drive} change=${change} />`)}
    </ul>
    <${MoreRows} list=${list} />`;
}

/** @param {{drive: Drive, change: (act: () => Promise<unknown>) => Promise<void>}} props */
function DriveRow({ drive, change }) {
  const { id, name } = drive;
  const rename = async () => {
    const renamed = await openDialog(NameDialog, {
      title: t('drives.rename'),
      submit: t('common.save'),
      value: name,
      send: (/** @type {string} */ wanted) => api('PATCH', `/v1/drives/${id}`, { body: { name: wanted } }),
    });
    if (renamed !== undefined) await change(async () => {});
  };
  const remove = async () => {
    const agreed = await confirm({
      title: t('drives.delete_title', { name }),
      text: t('drives.delete_text'),
      submit: t('drives.delete'),
      danger: true,
    });
    if (agreed) await change(() => api('DELETE', `/v1/drives/${id}`));
  };
  const leave = async () => {
    const agreed = await confirm({
      title: t('drives.leave_title', { name }),
      text: t('drives.leave_text'),
      submit: t('drives.leave'),
      danger: true,
    });
    if (agreed) await change(() => api('DELETE', `/v1/drives/${id}/members/${session.value?.id}`));
  };
  const manages = drive.role === 'manager';
  return html`<li class="item-row" data-id=${id}>
    <div class="item-main">
      <a class="item-name" dir="auto" href=${url(`/files/root?drive_id=${id}`)}>${name}</a>
      <span class="item-note">
        ${t(`views.${drive.role}`)} · ${t('drives.files', { count: drive.usage.file_count })} ·${' '}
        ${bytes(drive.usage.used_bytes)}
      </span>
    </div>
    <div class="item-actions">
      <${Button} aria-label=${t('drives.members_of', { name })} onClick=${() => openMembersDialog(drive).then(() => change(async () => {}))}>
        ${t('drives.members')}
      <//>
      ${manages && html`<${Button} aria-label=${t('drives.rename_name', { name })} onClick=${rename}>${t('drives.rename_action')}<//>`}
      <${Button} aria-label=${t('drives.leave_name', { name })} onClick=${leave}>${t('drives.leave')}<//>
      ${manages && html`<${Button} aria-label=${t('drives.delete_name', { name })} onClick=${remove}>${t('drives.delete')}<//>`}
    </div>
  </li>`;
}

/**
 * A dialog for the name of a drive. It closes with the drive.
 *
 * @param {{title: string, submit: string, value?: string, send: (name: string) => Promise<any>,
 *   close: (result?: any) => void}} props
 */
function NameDialog({ title, submit, value = '', send, close }) {
  return html`<${FormDialog} title=${title} submit=${submit} close=${close} onSubmit=${(/** @type {any} */ values) => send(values.name.trim())}>
    <${Field} label=${t('drives.name')} name="name" defaultValue=${value} required maxlength="255" autocomplete="off" data-autofocus />
  <//>`;
}
