/** Copies that take longer than a request: into other drives, and of large folders. The server makes them as jobs. */
import { toastError } from '../components/toast.js';
import { isSignedOut } from './access_token.js';
import { ApiError, api } from './api.js';
import { hasCopies, isCopying, STORAGE_KEY } from './copying.js';
import { randomKey } from './random_key.js';
import { loadUser, session } from './session.js';
import { computed, effect, signal } from './ui.js';

/**
 * @typedef {{id: string, name: string, drive: string | null}} Target the folder that gets the copy; `drive` null is the
 *   personal one
 * @typedef {{id: string, status: 'running' | 'done' | 'failed' | 'cancelled', done: number, total: number,
 *   done_bytes: number, total_bytes: number, waiting_since: string | null,
 *   error: {status: number, code: string, detail: string} | null}} Job
 * @typedef {'waiting' | 'copying' | 'cancelling' | 'done' | 'failed' | 'cancelled'} Status `cancelling` waits for the
 *   response to the request that began the copy
 */

const AT_ONCE = 3;
/** The time between two requests about the same job. */
const POLL_MS = 1000;
/** The shortest time between two requests about jobs. */
const GAP_MS = 250;
/** The pause after a failed request without `Retry-After`. */
const BUSY_MS = 5000;
/** After these statuses, the copy may have begun, because the response says nothing about it. */
const LOST = [0, 500, 502, 503, 504];

let nextId = 1;

/** The copy of one file or folder. */
export class Copy {
  /**
   * @param {{id: string, name: string}} item
   * @param {string | null} drive of the item
   * @param {Target} target
   */
  constructor(item, drive, target) {
    this.id = nextId++;
    this.item = { id: item.id, name: item.name };
    this.drive = drive;
    this.target = target;
    /** The idempotency key. It is the same until a response comes, so that a lost response makes no second copy. */
    this.key = randomKey();
    /** @type {import('./ui.js').Signal<Status>} */
    this.status = signal(/** @type {Status} */ ('waiting'));
    /** @type {import('./ui.js').Signal<Job | null>} */
    this.job = signal(/** @type {Job | null} */ (null));
    /** @type {import('./ui.js').Signal<unknown>} */
    this.error = signal(null);
    /** Whether its response was lost after it was cancelled, so that it may have been made. */
    this.isDoubtful = false;
    /** When the state of its job was last requested, in milliseconds. */
    this.askedAt = 0;
  }

  get isActive() {
    return ['waiting', 'copying', 'cancelling'].includes(this.status.value);
  }
}

/** All copies since they were last cleared. @type {import('./ui.js').Signal<Copy[]>} */
export const copies = signal([]);

/** The numbers of copies, by their status. */
export const copyCounts = computed(() => {
  const counted = copies.value.filter(({ status }) => status.value !== 'cancelled');
  const done = counted.filter(({ status }) => status.value === 'done').length;
  const failed = counted.filter(({ status }) => status.value === 'failed').length;
  const unsent = counted.filter((copy) => copy.isActive && copy.job.value === null).length;
  return { count: counted.length, active: counted.length - done - failed, done, failed, unsent };
});

let requests = 0;
let isPolling = false;
/** Whether a copy was made in the personal drive since the usage was loaded. */
let isUsageOld = false;

/**
 * Copy items into a folder of any drive. A name that is taken gets a number.
 *
 * @param {{id: string, name: string}[]} items
 * @param {string | null} drive of the items
 * @param {Target} target
 */
export function startCopies(items, drive, target) {
  copies.value = [...copies.value, ...items.map((item) => new Copy(item, drive, target))];
  startNext();
}

/**
 * Show a job that has begun.
 *
 * @param {{id: string, name: string}} item
 * @param {string | null} drive of the item
 * @param {Target} target
 * @param {Job} job
 */
export function followJob(item, drive, target, job) {
  const copy = new Copy(item, drive, target);
  copies.value = [...copies.value, copy];
  follow(copy, job);
}

/**
 * Cancel a copy, so that no part of it stays. A copy that was complete before stays.
 *
 * @param {Copy} copy
 * @returns {Promise<void>} rejects with ApiError if the copy continues. It can be cancelled again
 */
export async function cancelCopy(copy) {
  if (!copy.isActive) return;
  const job = copy.job.peek();
  if (job !== null) {
    await cancelJob(job.id);
    await update(copy).catch(() => {}); // the job may have ended before; `poll` requests its state again
  } else if (copy.status.peek() === 'waiting') copy.status.value = 'cancelled';
  else copy.status.value = 'cancelling'; // `send` cancels the job of the response
}

/** Try a copy that has failed again. @param {Copy} copy */
export function retryCopy(copy) {
  if (!isLost(copy.error.value) || copy.job.peek() !== null) copy.key = randomKey();
  copy.isDoubtful = false;
  copy.job.value = null;
  copy.error.value = null;
  copy.status.value = 'waiting';
  startNext();
}

/** Remove the copies that have ended from the list. */
export function clearCopies() {
  copies.value = copies.value.filter((copy) => copy.isActive);
  save();
}

function startNext() {
  for (const copy of copies.value) {
    if (requests >= AT_ONCE) return;
    if (copy.status.value === 'waiting') void send(copy);
  }
}

/** @param {Copy} copy */
async function send(copy) {
  requests += 1;
  copy.status.value = 'copying';
  const { id, drive } = copy.target;
  const isOther = drive !== copy.drive;
  const body = { parent_id: id, on_conflict: 'rename', ...(isOther && { drive_id: drive ?? session.value?.id }) };
  const options = { body, query: { drive_id: copy.drive }, headers: { 'Idempotency-Key': copy.key } };
  try {
    const { job } = await api('POST', `/v1/files/${copy.item.id}/copy`, options);
    const isCancelled = copy.status.peek() === 'cancelling';
    if (job) follow(copy, job);
    else finish(copy);
    if (isCancelled && copy.isActive) await cancelCopy(copy).catch(toastError);
  } catch (error) {
    copy.isDoubtful = copy.status.peek() === 'cancelling' && isLost(error);
    if (copy.status.peek() !== 'cancelling' || copy.isDoubtful) fail(copy, error);
    else copy.status.value = 'cancelled'; // the server refused the request
  }
  requests -= 1;
  startNext();
}

/** @param {unknown} error @returns {boolean} whether the copy may have begun, although the request failed */
function isLost(error) {
  return !(error instanceof ApiError) || LOST.includes(error.status) || error.code === 'in_progress';
}

/**
 * @param {Copy} copy
 * @param {Job} job
 */
function follow(copy, job) {
  copy.job.value = job;
  if (job.status === 'done') finish(copy);
  else if (job.status === 'failed') fail(copy, new ApiError(job.error?.status ?? 500, job.error ?? {}));
  else copy.status.value = job.status === 'cancelled' ? 'cancelled' : 'copying';
  save();
  if (copy.isActive && !isPolling) void poll();
}

/** Request the state of one job after another, so that many jobs do not mean many requests a second. */
async function poll() {
  isPolling = true;
  let busy = 0;
  for (let running = jobsOf(copies.peek()); running.length || requests; running = jobsOf(copies.peek())) {
    const pause = Math.max(GAP_MS, POLL_MS / Math.max(1, running.length), busy);
    await new Promise((resolve) => setTimeout(resolve, pause));
    const [next] = jobsOf(copies.peek()).sort((a, b) => a.askedAt - b.askedAt);
    busy = 0;
    if (next) await update(next).catch((error) => (busy = onPollError(next, error)));
  }
  isPolling = false;
}

/** @param {Copy} copy */
async function update(copy) {
  const job = copy.job.peek();
  if (job === null || !copy.isActive) return;
  copy.askedAt = performance.now();
  follow(copy, await api('GET', `/v1/jobs/${job.id}`));
}

/**
 * Mark a copy as failed, unless the server is busy or cannot be reached: then the next round tries again.
 *
 * @param {Copy} copy
 * @param {unknown} error
 * @returns {number} milliseconds without requests
 */
function onPollError(copy, error) {
  if (error instanceof ApiError && (error.status === 0 || error.status === 429 || error.status >= 500))
    return error.retryAfter === null ? BUSY_MS : error.retryAfter * 1000;
  fail(copy, error);
  return 0;
}

/** @param {Copy[]} all */
function jobsOf(all) {
  return all.filter((copy) => copy.status.peek() === 'copying' && copy.job.peek() !== null);
}

/** @param {Copy} copy */
function finish(copy) {
  isUsageOld ||= copy.target.drive === null;
  copy.status.value = 'done';
}

/**
 * @param {Copy} copy
 * @param {unknown} error
 */
function fail(copy, error) {
  copy.error.value = error;
  copy.status.value = 'failed';
  save();
}

/** @param {string} id of a job. A job that has ended does not change. */
async function cancelJob(id) {
  await api('DELETE', `/v1/jobs/${id}`);
}

/** Keep the jobs that run, so that a reload of this tab shows them again. */
function save() {
  const running = jobsOf(copies.peek()).map(({ item, drive, target, job }) => ({
    item,
    drive,
    target,
    job: job.peek(),
  }));
  if (running.length) sessionStorage.setItem(STORAGE_KEY, JSON.stringify({ user: session.peek()?.id, running }));
  else sessionStorage.removeItem(STORAGE_KEY);
}

/** @param {string} user */
function restore(user) {
  const saved = JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? 'null');
  if (saved?.user !== user || copies.peek().length) return;
  for (const { item, drive, target, job } of saved.running) followJob(item, drive, target, job);
}

effect(() => {
  isCopying.value = copyCounts.value.active > 0;
  hasCopies.value ||= copies.value.length > 0;
});

effect(() => {
  if (isCopying.value || !isUsageOld) return;
  isUsageOld = false;
  queueMicrotask(() => {
    if (session.peek()) void loadUser().catch(() => {});
  });
});

/** @param {BeforeUnloadEvent} event */
function warn(event) {
  event.preventDefault();
}

effect(() => {
  if (copyCounts.value.unsent) window.addEventListener('beforeunload', warn);
  else window.removeEventListener('beforeunload', warn);
});

effect(() => {
  const id = session.value?.id;
  if (id) queueMicrotask(() => restore(id)); // it reads signals of which the effect must not depend
  if (!isSignedOut.value) return;
  copies.value = [];
  sessionStorage.removeItem(STORAGE_KEY);
});
