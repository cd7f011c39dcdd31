/** The panel of uploads: progress of each file and in total, pause, cancel, retry. */
import { errorText } from '../lib/errors.js';
import { bytes, duration } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { session } from '../lib/session.js';
import { html, useSignal } from '../lib/ui.js';
import { continueUpload } from '../lib/uploads/add.js';
import {
  cancelUpload,
  clearEnded,
  forgetUpload,
  pauseUpload,
  rate,
  resumeUpload,
  total,
  uploads,
} from '../lib/uploads/queue.js';
import { StoreError } from '../lib/uploads/send.js';
import { unfinished } from '../lib/uploads/unfinished.js';
import { IconButton } from './button.js';
import { confirm } from './dialog.js';
import { Icon } from './icon.js';
import { Progress } from './progress.js';
import { toastError } from './toast.js';

/** @typedef {import('../lib/uploads/upload.js').Upload} Upload */

const SHOWN = 100;
/** The order of the list: what needs the user first, what is done last. */
const ORDER = ['failed', 'sending', 'paused', 'waiting', 'done', 'skipped', 'cancelled'];

/** The panel. The app renders this once. */
export function UploadPanel() {
  const isOpen = useSignal(true);
  const rest = unfinished.value.filter(({ user }) => user === session.value?.id);
  if (!session.value || (!uploads.value.length && !rest.length)) return null;
  const shown = [...uploads.value]
    .sort((a, b) => ORDER.indexOf(a.status.value) - ORDER.indexOf(b.status.value))
    .slice(0, SHOWN);
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
    ${total.value.active > 0 && html`<${Progress} part=${total.value.size ? total.value.sent / total.value.size : 1} label=${t('uploads.total')} />`}
    ${
      isOpen.value &&
      html`<ul class="uploads-list">
      ${rest.map((record) => html`<${UnfinishedRow} key=${record.id} record=${record} />`)}
      ${shown.map((upload) => html`<${Row} key=${upload.id} upload=${upload} />`)}
      ${hidden > 0 && html`<li class="muted uploads-more">${t('uploads.more', { count: hidden })}</li>`}
    </ul>`
    }
  </section>`;
}

/** @param {{upload: Upload}} props */
function Row({ upload }) {
  const status = upload.status.value;
  const { name } = upload;
  const isGoing = status === 'sending' || status === 'waiting';
  return html`<li class="upload upload-${status}" data-status=${status}>
    <div class="upload-text">
      <span class="file-text" title=${[...upload.folders, name].join('/')}>${name}</span>
      <span class="upload-state">${stateText(upload)}</span>
    </div>
    ${isGoing && html`<${IconButton} icon="pause" label=${t('uploads.pause', { name })} onClick=${() => pauseUpload(upload)} />`}
    ${status === 'paused' && html`<${IconButton} icon="play" label=${t('uploads.resume', { name })} onClick=${() => resumeUpload(upload)} />`}
    ${status === 'failed' && html`<${IconButton} icon="retry" label=${t('uploads.retry', { name })} onClick=${() => resumeUpload(upload)} />`}
    ${(isGoing || status === 'paused' || status === 'failed') && html`<${IconButton} icon="close" label=${t('uploads.cancel', { name })} onClick=${() => void cancelUpload(upload).catch(toastError)} />`}
    ${status === 'done' && html`<span class="upload-check"><${Icon} name="check" /></span>`}
    ${status === 'sending' && html`<${Progress} part=${upload.file.size ? upload.sent.value / upload.file.size : 1} label=${name} />`}
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

/** @param {Upload} upload */
function stateText(upload) {
  const { value } = upload.error;
  if (value)
    return value instanceof StoreError ? t(value.status ? 'uploads.refused' : 'error.unreachable') : errorText(value);
  const status = upload.status.value;
  if (status === 'sending')
    return t('uploads.bytes', { sent: bytes(upload.sent.value), size: bytes(upload.file.size) });
  return status === 'done' ? bytes(upload.file.size) : t(`uploads.${status}`);
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
}
