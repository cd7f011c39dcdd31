/** The details of an item: kind, size, path, times, properties, checksum, the versions of a file, and the activity. */

import { api } from '../lib/api.js';
import { loadAccess } from '../lib/drive_access.js';
import { bytes, date } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { session } from '../lib/session.js';
import { html } from '../lib/ui.js';
import { useLoaded } from '../lib/use_loaded.js';
import { Activity } from './activity.js';
import { ProblemNotice } from './problem_notice.js';
import { Versions } from './versions.js';

/** @param {{file: any, onChange: (file: any) => void, isPane?: boolean}} props  `isPane`: beside a preview */
export function Details({ file, onChange, isPane = true }) {
  const query = { drive_id: file.drive_id };
  const loadPath = (/** @type {AbortSignal} */ signal) => api('GET', `/v1/files/${file.id}/path`, { query, signal });
  const path = useLoaded(loadPath, [file.id, file.etag]);
  const drive = file.drive_id === session.value?.id ? null : file.drive_id;
  const access = useLoaded((signal) => loadAccess(drive, async () => (await loadPath(signal)).items), [file.id]);
  const size = useLoaded(
    (signal) =>
      file.kind === 'folder' ? api('GET', `/v1/files/${file.id}/size`, { query, signal }) : Promise.resolve(null),
    [file.id, file.etag],
  );
  const properties = Object.entries(file.properties ?? {});
  const body = html`
    ${path.error !== null && html`<${ProblemNotice} error=${path.error} onRetry=${path.reload} />`}
    <dl>
      <${Line} name=${t('views.name')} value=${file.name} />
      <${Line} name=${t('details.kind')} value=${file.kind === 'folder' ? t('views.folder') : file.content_type} />
      <${Line} name=${t('details.size')} value=${sizeOf(file, size.value)} />
      <${Line} name=${t('details.path')} value=${path.value === null ? '…' : pathText(path.value.items)} />
      <${Line} name=${t('details.modified')} value=${date(file.modified_at)} />
      <${Line} name=${t('details.created')} value=${date(file.created_at)} />
      ${file.sha256 && html`<${Line} name="SHA-256" value=${hexOf(file.sha256)} code />`}
      ${properties.map(([name, value]) => html`<${Line} key=${name} name=${name} value=${value} />`)}
    </dl>
    ${file.kind === 'file' && html`<${Versions} file=${file} canEdit=${access.value !== null && access.value.role !== 'viewer'} onChange=${onChange} />`}
    ${access.value !== null && html`<${Activity} key=${file.etag} file=${file} isWhole=${access.value.isWhole} />`}
  `;
  if (!isPane) return html`<div class="details-dialog">${body}</div>`;
  return html`<aside class="details" tabindex="0" aria-label=${t('details.title')}>
    <h3>${t('details.title')}</h3>
    ${body}
  </aside>`;
}

/** @param {{name: string, value: any, code?: boolean}} props */
function Line({ name, value, code = false }) {
  return html`<div class="details-line">
    <dt dir="auto">${name}</dt>
    <dd dir="auto" class=${code ? 'is-code' : ''}>${value}</dd>
  </div>`;
}

/**
 * @param {any} file
 * @param {{bytes: number, files: number, folders: number} | null} tree
 */
function sizeOf(file, tree) {
  if (file.kind === 'file') return bytes(file.size);
  if (tree === null) return '…';
  return t('details.tree', { size: bytes(tree.bytes), files: tree.files, folders: tree.folders });
}

/** @param {{name: string}[]} items */
function pathText(items) {
  return `/${items.map((item) => item.name).join('/')}`;
}

/**
 * Return a checksum as people compare it.
 *
 * @param {string} base64
 */
function hexOf(base64) {
  return [...atob(base64)].map((letter) => letter.charCodeAt(0).toString(16).padStart(2, '0')).join('');
}
