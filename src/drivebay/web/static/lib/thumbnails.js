/** Thumbnails of files: presigned URLs of small images, which the server makes when somebody first asks for them. */
import { ApiError, request } from './api.js';

const TYPES = new Set([
  'application/pdf',
  'image/avif',
  'image/gif',
  'image/jpeg',
  'image/png',
  'image/tiff',
  'image/webp',
]);
/** The server has frames of videos if it has the library for them. */
const VIDEOS = new Set([
  'video/mp4',
  'video/ogg',
  'video/quicktime',
  'video/webm',
  'video/x-m4v',
  'video/x-matroska',
  'video/x-msvideo',
]);
const MAX_BYTES = 64 * 1024 * 1024;
const AT_ONCE = 4;
const MAX_TRIES = 30;
const MAX_KNOWN = 1000;
/** A presigned URL works for 5 minutes. */
const URL_MS = 240_000;

/** @type {Map<string, {url: string, at: number}>} by file and content; an empty URL: it has no thumbnail */
const known = new Map();
/** @type {(() => void)[]} */
const waiting = [];
let running = 0;

/**
 * @typedef {{id: string, kind: string, drive_id: string, content_type: string, size: number, etag: string}} Thumbnailed
 */

/**
 * Return the URL of a thumbnail that was fetched before, '' without one.
 *
 * @param {Thumbnailed} file
 */
export function knownThumbnail(file) {
  const found = known.get(keyOf(file));
  return found && (!found.url || Date.now() - found.at < URL_MS) ? found.url : '';
}

/**
 * Return the URL of a thumbnail, '' if the file has none. Waits while the server makes it.
 *
 * @param {Thumbnailed} file
 * @param {AbortSignal} signal
 * @returns {Promise<string>} rejects with ApiError, or AbortError once `signal` is aborted
 */
export async function thumbnailUrl(file, signal) {
  if (file.kind !== 'file' || !mayHaveThumbnail(file)) return '';
  const key = keyOf(file);
  const found = known.get(key);
  if (found && (!found.url || Date.now() - found.at < URL_MS)) return found.url;
  const url = await ask(file, signal);
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(key, { url, at: Date.now() });
  return url;
}

/**
 * @param {Thumbnailed} file
 * @param {AbortSignal} signal
 */
async function ask(file, signal) {
  const query = { drive_id: file.drive_id, size: 256 };
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const response = await inTurn(() => request('GET', `/v1/files/${file.id}/thumbnail`, { query, signal })).catch(
      (error) => {
        if (error instanceof ApiError && error.code === 'no_preview') return null;
        throw error;
      },
    );
    if (response === null) return '';
    // The fetch has followed the redirect. The element loads the image itself, without a script that keeps it.
    if (response.status !== 202) {
      void response.body?.cancel();
      return response.url;
    }
    await pause(Number(response.headers.get('retry-after')) || 1, signal);
  }
  return '';
}

/**
 * Run few requests at once, so that a folder full of pictures does not use up what a user may send.
 *
 * @template T
 * @param {() => Promise<T>} action
 * @returns {Promise<T>}
 */
async function inTurn(action) {
  if (running >= AT_ONCE)
    await new Promise((/** @type {(value?: unknown) => void} */ resolve) => waiting.push(resolve));
  running += 1;
  try {
    return await action();
  } finally {
    running -= 1;
    waiting.shift()?.();
  }
}

/**
 * @param {number} seconds
 * @param {AbortSignal} signal
 */
function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

/** @param {Thumbnailed} file */
function keyOf(file) {
  return `${file.id} ${file.etag}`;
}

/** @param {Thumbnailed} file */
function mayHaveThumbnail({ content_type, size }) {
  const type = content_type.split(';')[0].trim().toLowerCase();
  return size > 0 && (VIDEOS.has(type) || (TYPES.has(type) && size <= MAX_BYTES));
}
