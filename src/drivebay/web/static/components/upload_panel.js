/** The panel of uploads: progress of each file and in total, pause, cancel, retry. */
import { errorText } from '../lib/errors.js';
import { bytes, duration } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { session } from '../lib/session.js';
import { throttled } from '../lib/throttled.js';
import { computed, html, useSignal } from '../lib/ui.js';
import { continueUpload } from '../lib/uploads/add.js';
import {
  cancelUpload,
  clearEnded,
  forgetUpload,
  pauseUpload,
  REFRESH_MS,
  rate,
  resumeUpload,
  total,
  uploads,
} from '../lib/uploads/queue.js';
import { StoreError } from '../lib/uploads/send.js';
import { unfinished } from '../lib/uploads/unfinished.js';
import { focusView, useKeptFocus } from '../lib/use_kept_focus.js';
import { IconButton } from './button.js';
import { confirm } from './dialog.js';
import { Icon } from './icon.js';
import { Progress } from './progress.js';
import { toastError } from './toast.js';

/**
 * @typedef {import('../lib/uploads/upload.js').Upload} Upload
 * @typedef {import('../lib/uploads/upload.js').Status} Status
 * @typedef {{upload: Upload, status: Status, sent: number, error: unknown}} Shown the values that a row shows
 */

const SHOWN = 100;
/** The order of the list: entries that need the user first, ended ones last. @type {Status[]} */
const ORDER = ['failed', 'sending', 'paused', 'waiting', 'done', 'skipped', 'cancelled'];
/**
 * A copy of the first uploads in this order, which the rows show. If each row followed its own upload, many small files
 * would make the browser paint the page in every frame.
 */
const firstUploads = throttled(
  computed(() => {
    const byStatus = Map.groupBy(uploads.value, ({ status }) => status.value);
    const first = ORDER.flatMap((status) => byStatus.get(status)?.slice(0, SHOWN) ?? []).slice(0, SHOWN);
    return first.map(shownOf);
  }),
  REFRESH_MS,
);

/**
 * @param {Upload} upload
 * @returns {Shown}
 */
function shownOf(upload) {
  return { upload, status: upload.status.value, sent: upload.sent.value, error: upload.error.value };
}

/** The panel. The app renders this once. */
export function UploadPanel() {
  const isOpen = useSignal(true);
  const rows = useKeptFocus('li');
  const rest = unfinished.value.filter(({ user }) => user === session.value?.id);
  if (!session.value || (!uploads.value.length && !rest.length)) return null;
  const shown = firstUploads.value;
  const hidden = uploads.value.length - shown.length;
  return html`<section class="uploads" aria-label=${t('uploads.title')}>
    <header class="uploads-header">
      <div class="uploads-total" role="status">
        <strong>${summary()}</strong>
        ${total.value.active > 0 && html`<span>${speed()}</span>`}
      </div>
      <${IconButton} icon=${isOpen.value ? 'down' : 'up'} label=${t(isOpen.value ? 'uploads.hide' : 'uploads.show')} aria-expanded=${isOpen.value} onClick=${() => (isOpen.value = !isOpen.value)} />
      <${IconButton} icon="close" label=${t('uploads.clear')} onClick=${() => void close()} />
    </header>
    ${total.value.active > 0 && html`<${Progress} fraction=${total.value.size ? total.value.sent / total.value.size : 1} label=${t('uploads.total')} />`}
    ${
      isOpen.value &&
      html`<ul class="uploads-list" ref=${rows}>
      ${rest.map((record) => html`<${UnfinishedRow} key=${record.id} record=${record} />`)}
      ${shown.map((each) => html`<${Row} key=${each.upload.id} shown=${each} />`)}
      ${hidden > 0 && html`<li class="muted uploads-more">${t('uploads.more', { count: hidden })}</li>`}
    </ul>`
    }
  </section>`;
}

/** @param {{shown: Shown}} props */
function Row({ shown }) {
  const { upload, status, sent } = shown;
  const { name } = upload;
  const isGoing = status === 'sending' || status === 'waiting';
  return html`<li class="upload upload-${status}" data-status=${status}>
    <div class="upload-text">
      <span class="file-text" title=${[...upload.folders, name].join('/')}>${name}</span>
      <span class="upload-state">${stateText(shown)}</span>
    </div>
    ${isGoing && html`<${IconButton} icon="pause" label=${t('uploads.pause', { name })} onClick=${() => pauseUpload(upload)} />`}
    ${status === 'paused' && html`<${IconButton} icon="play" label=${t('uploads.resume', { name })} onClick=${() => resumeUpload(upload)} />`}
    ${status === 'failed' && html`<${IconButton} icon="retry" label=${t('uploads.retry', { name })} onClick=${() => resumeUpload(upload)} />`}
    ${(isGoing || status === 'paused' || status === 'failed') && html`<${IconButton} icon="close" label=${t('uploads.cancel', { name })} onClick=${() => void cancelUpload(upload).catch(toastError)} />`}
    ${status === 'done' && html`<span class="upload-check"><${Icon} name="check" /></span>`}
    ${status === 'sending' && html`<${Progress} fraction=${upload.file.size ? sent / upload.file.size : 1} label=${name} />`}
  </li>`;
}

/** @param {{record: import('../lib/uploads/unfinished.js').Unfinished}} props */
function UnfinishedRow({ record }) {
  const { name } = record;
  const choose = () => {
    const input = document.createElement('input');
    input.type = 'file';
    input.addEventListener('change', () => input.files?.[0] && continueUpload(record, input.files[0]));
    input.click();
  };
  return html`<li class="upload upload-paused" data-status="unfinished">
    <div class="upload-text"><span class="file-text" title=${name}>${name}</span><span class="upload-state">${t('uploads.unfinished')}</span></div>
    <${IconButton} icon="play" label=${t('uploads.choose', { name })} onClick=${choose} />
    <${IconButton} icon="close" label=${t('uploads.forget', { name })} onClick=${() => void forgetUpload(record).catch(toastError)} />
  </li>`;
}

function summary() {
  const { active, done, failed, count } = total.value;
  if (active) return t('uploads.going', { done, count });
  if (failed) return t('uploads.failed', { count: failed });
  return t('uploads.done', { count: done });
}

function speed() {
  const left = total.value.size - total.value.sent;
  if (!rate.value) return t('uploads.bytes', { sent: bytes(total.value.sent), size: bytes(total.value.size) });
  return t('uploads.rate', { rate: bytes(rate.value), left: duration(left / rate.value) });
}

/** @param {Shown} shown */
function stateText({ upload, status, sent, error }) {
  const { size } = upload.file;
  if (error)
    return error instanceof StoreError ? t(error.status ? 'uploads.refused' : 'error.unreachable') : errorText(error);
  if (status === 'sending') return t('uploads.bytes', { sent: bytes(sent), size: bytes(size) });
  return status === 'done' ? bytes(size) : t(`uploads.${status}`);
}

async function close() {
  const going = uploads.value.filter(({ status }) => ['waiting', 'sending', 'paused'].includes(status.value));
  const question = {
    title: t('uploads.cancelTitle'),
    text: t('uploads.cancelText', { count: going.length }),
    submit: t('uploads.cancelAll'),
    danger: true,
  };
  if (going.length && !(await confirm(question))) return;
  await Promise.allSettled(going.map(cancelUpload));
  unfinished.value = [];
  clearEnded();
  focusView();
}
