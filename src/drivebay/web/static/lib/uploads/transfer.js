/** The steps of one upload: begin, send in one piece or in parts, complete. Each step may run again. */
import { ApiError, api } from '../api.js';
import { session } from '../session.js';
import { abortRemote, removeRemote } from './abort.js';
import { canChecksum, checksum } from './checksum.js';
import { withRetries } from './send.js';
import { sendParts, sendWhole } from './send_file.js';
import { beginUpload, completeUpload } from './shared_requests.js';
import { findUnfinished, forget, remember } from './unfinished.js';

/** @typedef {import('./upload.js').Upload} Upload */

/** Larger files are sent in parts, whose checksums are computed one by one. */
const MAX_WHOLE_CHECKSUM = 64 * 2 ** 20;

/**
 * Upload a file, or continue the upload. Resolves when the file is stored, or when the status is `skipped`.
 *
 * @param {Upload} upload
 * @returns {Promise<void>} rejects with ApiError, StoreError, or the reason of the upload's abort signal
 */
export async function transfer(upload) {
  const { signal } = upload.stopping; // the signal of this run: `resumeUpload` creates another one
  const remote = await withRetries(() => begin(upload, signal), signal);
  if (remote === null) return;
  upload.isWhole = !remote.part_size;
  if (remote.status === 'pending') {
    if (upload.isWhole) await sendWhole(callOf(upload), remote, upload.file, progressOf(upload), signal);
    else await sendRest(upload, remote, signal);
    // An upload in parts needs its own request, which assembles the parts.
    await withRetries(() => (upload.isWhole ? completeUpload(upload) : call(upload, 'POST', '/complete')), signal);
  }
  forget(upload.remoteId);
  upload.sent.value = upload.file.size;
}

/**
 * Return the upload of the API, or null if the user skips a name that is taken.
 *
 * @param {Upload} upload
 * @param {AbortSignal} signal
 * @returns {Promise<any>}
 */
async function begin(upload, signal) {
  const parent = await upload.batch.folder(upload.folders);
  const known = upload.remoteId || findUnfinished(upload.file, parent, upload.batch.target.drive)?.id;
  if (known) {
    const pending = await resume(upload, known);
    if (pending) return pending;
  }
  signal.throwIfAborted();
  const { file } = upload;
  const sha256 = canChecksum && file.size <= MAX_WHOLE_CHECKSUM ? await checksum(file) : undefined;
  const decided = await upload.batch.decision;
  /** @type {import('./upload.js').OnConflict} */
  let rule = decided === null || decided === 'skip' ? 'fail' : decided;
  signal.throwIfAborted();
  for (;;) {
    // A request whose response was lost is repeated unchanged, because it may have begun the upload.
    upload.rule ||= rule;
    const sent = upload.rule;
    try {
      const created = await create(upload, { parent, sha256, rule: sent });
      upload.remoteId = created.id;
      if (upload.status.value === 'cancelled') {
        await removeCreated(upload, created);
        signal.throwIfAborted();
      } else if (created.part_size) rememberUpload(upload, created.id, parent);
      return created;
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'name_taken') throw error;
      if (sent === rule) {
        if (rule !== 'fail') throw error;
        signal.throwIfAborted();
        const decision = await upload.batch.decide(file.name);
        signal.throwIfAborted();
        if (decision === 'skip') {
          upload.status.value = 'skipped';
          return null;
        }
        rule = decision;
      }
      upload.renew();
    }
  }
}

/**
 * @param {Upload} upload
 * @param {{parent: string, sha256: string | undefined, rule: string}} options
 */
function create(upload, { parent, sha256, rule }) {
  const { file } = upload;
  const modified = new Date(Math.min(Math.max(file.lastModified, 0), Date.now()));
  const body = {
    name: file.name,
    size: file.size,
    content_type: file.type || 'application/octet-stream',
    parent_id: parent,
    on_conflict: rule,
    modified_at: modified.toISOString(),
    sha256,
  };
  return beginUpload(upload, body, (created) => removeCreated(upload, created));
}

/**
 * Remove an upload that was cancelled while it was created. If the file exists already, it is moved to the trash. A
 * file that was replaced is kept: its earlier content is an old version.
 *
 * @param {Upload} upload
 * @param {{id: string, status: string, file_id?: string}} created
 */
async function removeCreated({ rule, batch }, created) {
  const { drive } = batch.target;
  if (created.status === 'pending') await abortRemote(created.id, drive);
  else if (rule !== 'replace' && created.file_id) await removeRemote(`/v1/files/${created.file_id}`, drive);
}

/**
 * @param {Upload} upload
 * @param {string} id
 * @returns {Promise<any>} the upload if it can be continued or is complete, otherwise null
 */
async function resume(upload, id) {
  upload.remoteId = id;
  try {
    const remote = await call(upload, 'GET', '');
    if (remote.status === 'pending' || remote.status === 'complete') return remote;
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
  }
  forget(id);
  upload.remoteId = '';
  upload.renew();
  return null;
}

/**
 * @param {Upload} upload
 * @param {string} id
 * @param {string} parent
 */
function rememberUpload({ file, batch }, id, parent) {
  const record = {
    id,
    name: file.name,
    size: file.size,
    modified: file.lastModified,
    parent,
    drive: batch.target.drive,
  };
  remember({ ...record, user: session.value?.id ?? '' });
}

/**
 * @param {Upload} upload
 * @param {{part_size: number, part_count: number}} layout
 * @param {AbortSignal} signal
 */
async function sendRest(upload, layout, signal) {
  const { items } = await withRetries(() => call(upload, 'GET', '/parts'), signal).catch(noParts);
  const stored = new Map(items.map((/** @type {{number: number, size: number}} */ part) => [part.number, part.size]));
  const withChecksums = stored.size ? items[0].sha256 !== null : canChecksum;
  await sendParts(callOf(upload), layout, upload.file, { stored, withChecksums }, progressOf(upload), signal);
}

/** An upload has no parts before the first one is signed. @param {unknown} error */
function noParts(error) {
  if (error instanceof ApiError && error.status === 409) return { items: [] };
  throw error;
}

/**
 * @param {Upload} upload
 * @param {string} method
 * @param {string} rest
 * @param {object} [body]
 */
function call({ remoteId, batch }, method, rest, body) {
  return api(method, `/v1/uploads/${remoteId}${rest}`, { body, query: { drive_id: batch.target.drive } });
}

/**
 * @param {Upload} upload
 * @returns {import('./send_file.js').UploadCall}
 */
function callOf(upload) {
  return (method, rest, body) => call(upload, method, rest, body);
}

/** @param {Upload} upload */
function progressOf(upload) {
  return (/** @type {number} */ bytes) => {
    upload.sent.value = bytes;
  };
}
