/** The uploads of this tab: some run at once, the others wait. */
import { isSignedOut } from '../access_token.js';
import { loadUser } from '../session.js';
import { throttled } from '../throttled.js';
import { computed, effect, signal } from '../ui.js';
import { abort, abortOnLeave, abortRemote } from './abort.js';
import { transfer } from './transfer.js';

/** @typedef {import('./upload.js').Upload} Upload */

/** Six large files, or 48 small files, which wait for responses most of the time. */
const PARALLEL_LOAD = 48;
const SMALL_BYTES = 2 ** 20;
const WINDOW_MS = 6000;
/** The shortest time between two renderings of all uploads. Small files change the uploads hundreds of times a second. */
export const REFRESH_MS = 200;

/** All uploads since they were last cleared. @type {import('../ui.js').Signal<Upload[]>} */
export const uploads = signal([]);
/** Bytes a second, over the last seconds. */
export const rate = signal(0);

const sums = computed(() => {
  const sum = { size: 0, sent: 0, active: 0, paused: 0, done: 0, failed: 0, count: 0 };
  for (const upload of uploads.value) {
    const status = upload.status.value;
    if (status === 'skipped' || status === 'cancelled') continue;
    const { size } = upload.file;
    sum.count += 1;
    sum.size += size;
    sum.sent += status === 'done' ? size : upload.sent.value;
    if (status === 'waiting' || status === 'sending') sum.active += 1;
    else sum[status] += 1;
  }
  return sum;
});

/** The sums of all uploads, without skipped and cancelled ones. They follow with a delay of at most `REFRESH_MS`. */
export const total = throttled(sums, REFRESH_MS);

/** Whether an upload runs or waits. */
export const isUploading = computed(() => total.value.active > 0);

let running = 0;
/** The load of the running uploads, at most `PARALLEL_LOAD`. */
let load = 0;
/** @type {{at: number, sent: number}[]} */
let samples = [];
/** @type {ReturnType<typeof setInterval> | null} */
let timer = null;

/** @param {Upload[]} added */
export function enqueue(added) {
  uploads.value = [...uploads.value, ...added];
  startNext();
}

/** Stop sending. The bytes that the store has are kept. @param {Upload} upload */
export function pauseUpload(upload) {
  if (!upload.isActive) return;
  upload.status.value = 'paused';
  upload.stopping.abort();
}

/** Continue a paused upload, or try a failed one again. @param {Upload} upload */
export function resumeUpload(upload) {
  // The upload may have changed since the page was rendered.
  if (!['paused', 'failed'].includes(upload.status.value)) return;
  upload.stopping = new AbortController();
  upload.error.value = null;
  upload.status.value = 'waiting';
  startNext();
}

/** Cancel an upload, and remove the bytes that were sent. @param {Upload} upload */
export async function cancelUpload(upload) {
  if (['done', 'skipped'].includes(upload.status.value)) return;
  upload.status.value = 'cancelled';
  upload.stopping.abort();
  await abort(upload);
}

/**
 * Cancel an upload of an earlier page, and remove the bytes that were sent.
 *
 * @param {import('./unfinished.js').Unfinished} record
 */
export function forgetUpload({ id, drive }) {
  return abortRemote(id, drive);
}

/** Remove all uploads that have ended from the list, and the bytes that failed uploads have sent from the store. */
export function clearEnded() {
  for (const upload of uploads.value) if (upload.status.value === 'failed') void abort(upload).catch(() => {});
  uploads.value = uploads.value.filter(({ status }) => ['waiting', 'sending', 'paused'].includes(status.value));
}

function startNext() {
  timer ??= setInterval(measure, 500);
  for (const upload of uploads.value) {
    if (load + loadOf(upload) > PARALLEL_LOAD) return;
    if (upload.status.value === 'waiting' && !upload.isRunning) void run(upload);
  }
}

/** @param {Upload} upload */
function loadOf({ file }) {
  return file.size <= SMALL_BYTES ? 1 : 8;
}

/** @param {Upload} upload */
async function run(upload) {
  running += 1;
  load += loadOf(upload);
  upload.isRunning = true;
  upload.status.value = 'sending';
  const { signal } = upload.stopping;
  try {
    await transfer(upload);
    // The last step may have succeeded before the pause or the cancellation.
    if (upload.status.peek() !== 'skipped') upload.status.value = 'done';
  } catch (error) {
    if (!signal.aborted) {
      upload.error.value = error;
      upload.status.value = 'failed';
    }
  }
  running -= 1;
  load -= loadOf(upload);
  upload.isRunning = false;
  startNext();
  if (!running) void loadUser().catch(() => {});
}

function measure() {
  const now = performance.now();
  const { sent, active } = sums.peek();
  samples = [...samples.filter(({ at }) => now - at < WINDOW_MS), { at: now, sent }];
  const [first] = samples;
  rate.value = samples.length > 1 ? Math.max(0, ((sent - first.sent) / (now - first.at)) * 1000) : 0;
  if (active || timer === null) return;
  clearInterval(timer);
  timer = null;
  samples = [];
  rate.value = 0;
}

/** @param {BeforeUnloadEvent} event */
function warn(event) {
  const { active, paused } = sums.peek();
  if (active || paused) event.preventDefault();
}

window.addEventListener('pagehide', ({ persisted }) => {
  if (persisted) return; // the page may come back
  for (const upload of uploads.peek()) if (upload.isActive || upload.status.peek() === 'paused') abortOnLeave(upload);
});

effect(() => {
  // A reload also loses the files of paused uploads, which the user has to choose again.
  if (total.value.active || total.value.paused) window.addEventListener('beforeunload', warn);
  else window.removeEventListener('beforeunload', warn);
});

effect(() => {
  if (isSignedOut.value) for (const upload of uploads.peek()) upload.stopping.abort();
  if (isSignedOut.value) uploads.value = [];
});
