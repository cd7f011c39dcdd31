/** The panel of copies: progress of each, cancel, retry, and the folder that got the copy. */
import { ApiError } from '../lib/api.js';
import { cancelCopy, clearCopies, copies, copyCounts, retryCopy } from '../lib/copies.js';
import { errorText } from '../lib/errors.js';
import { bytes } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { folderUrl } from '../lib/links.js';
import { session } from '../lib/session.js';
import { html, useSignal } from '../lib/ui.js';
import { focusView, useKeptFocus } from '../lib/use_kept_focus.js';
import { IconButton } from './button.js';
import { Icon } from './icon.js';
import { Progress } from './progress.js';
import { toastError } from './toast.js';

/** @typedef {import('../lib/copies.js').Copy} Copy */

const SHOWN = 100;
/** If a job waits longer than this, the panel says that no worker has claimed it. */
const IDLE_MS = 60_000;
/** The order of the list: entries that need the user first, ended ones last. */
const ORDER = ['failed', 'copying', 'cancelling', 'waiting', 'done', 'cancelled'];

/** The panel. The app renders this once. */
export function CopyPanel() {
  const isOpen = useSignal(true);
  const rows = useKeptFocus('li');
  if (!session.value || !copies.value.length) return null;
  const { active } = copyCounts.value;
  const sorted = [...copies.value].sort((a, b) => ORDER.indexOf(a.status.value) - ORDER.indexOf(b.status.value));
  const hidden = Math.max(0, sorted.length - SHOWN);
  return html`<section class="uploads" aria-label=${t('copies.title')}>
    <header class="uploads-header">
      <div class="uploads-total" role="status"><strong>${summary()}</strong></div>
      <${IconButton} icon=${isOpen.value ? 'down' : 'up'} label=${t(isOpen.value ? 'copies.hide' : 'copies.show')} aria-expanded=${isOpen.value} onClick=${() => (isOpen.value = !isOpen.value)} />
      ${!active && html`<${IconButton} icon="close" label=${t('copies.clear')} onClick=${close} />`}
    </header>
    ${
      isOpen.value &&
      html`<ul class="uploads-list" ref=${rows}>
      ${sorted.slice(0, SHOWN).map((copy) => html`<${Row} key=${copy.id} copy=${copy} />`)}
      ${hidden > 0 && html`<li class="muted uploads-more">${t('uploads.more', { count: hidden })}</li>`}
    </ul>`
    }
  </section>`;
}

/** @param {{copy: Copy}} props */
function Row({ copy }) {
  const status = copy.status.value;
  const { name } = copy.item;
  return html`<li class="upload upload-${status}" data-status=${status}>
    <div class="upload-text">
      <span class="file-text" title=${name}>${name}</span>
      <span class="upload-state">${status === 'done' ? html`<${Done} copy=${copy} />` : stateText(copy)}</span>
    </div>
    ${status === 'failed' && html`<${IconButton} icon="retry" label=${t('copies.retry', { name })} onClick=${() => retryCopy(copy)} />`}
    ${copy.isActive && status !== 'cancelling' && html`<${IconButton} icon="close" label=${t('copies.cancel', { name })} onClick=${() => void cancelCopy(copy).catch(toastError)} />`}
    ${status === 'done' && html`<span class="upload-check"><${Icon} name="check" /></span>`}
    ${status === 'copying' && copy.job.value !== null && html`<${Progress} fraction=${fractionOf(copy.job.value)} label=${name} />`}
  </li>`;
}

/** @param {{copy: Copy}} props */
function Done({ copy: { target } }) {
  return html`<a href=${folderUrl(target.id, target.drive)}>${t('copies.done_to', { folder: target.name })}</a>`;
}

function close() {
  clearCopies();
  focusView();
}

function summary() {
  const { active, done, failed, count } = copyCounts.value;
  if (active) return t('copies.going', { done, count });
  if (failed) return t('copies.failed', { count: failed });
  return done ? t('copies.done', { count: done }) : t('copies.cancelled');
}

/** @param {import('../lib/copies.js').Job} job */
function fractionOf({ done, total, done_bytes, total_bytes }) {
  if (total_bytes) return done_bytes / total_bytes;
  return total ? done / total : 0;
}

/** @param {Copy} copy */
function stateText(copy) {
  const { error, job, status, target } = copy;
  const folder = target.name;
  if (error.value) return copy.isDoubtful ? t('copies.doubtful', { folder }) : failureText(error.value, folder);
  if (status.value === 'waiting') return t('uploads.waiting');
  if (status.value === 'cancelled') return t('copies.cancelled');
  if (status.value === 'cancelling') return t('copies.cancelling');
  const { value } = job;
  if (value === null) return t('copies.to', { folder });
  const isIdle = value.waiting_since !== null && Date.now() - Date.parse(value.waiting_since) > IDLE_MS;
  if (isIdle) return t('copies.no_worker');
  if (value.total_bytes)
    return t('copies.bytes', { sent: bytes(value.done_bytes), size: bytes(value.total_bytes), folder });
  return value.total ? t('copies.items', { done: value.done, count: value.total, folder }) : t('copies.to', { folder });
}

/**
 * @param {unknown} error
 * @param {string} folder
 */
function failureText(error, folder) {
  if (!(error instanceof ApiError)) return errorText(error);
  const key = `copies.error_${error.code}`;
  const text = t(key, { folder });
  return text === key ? errorText(error) : text;
}
