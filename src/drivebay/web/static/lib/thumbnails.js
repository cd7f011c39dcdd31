/** Thumbnails of files: presigned URLs of small images, which the server makes after the first request. */
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
/** The server makes thumbnails of videos if a library for videos is installed. */
const VIDEOS = new Set([
  'video/mp4',
  'video/ogg',
  'video/quicktime',
  'video/webm',
  'video/x-m4v',
  'video/x-matroska',
  'video/x-msvideo',
]);
/** The server makes no thumbnails of larger images. */
const MAX_BYTES = 64 * 1024 * 1024;
/** The maximum number of requests at once. */
const AT_ONCE = 4;
const MAX_TRIES = 30;
const MAX_KNOWN = 1000;
/** The time for which a URL is used again. A presigned URL is valid for 5 minutes. */
const URL_MS = 240_000;

/** @type {Map<string, {url: string, at: number}>} by file and content; the URL is '' if there is no thumbnail */
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
  const url = await fetchUrl(file, signal);
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(key, { url, at: Date.now() });
  return url;
}

/**
 * @param {Thumbnailed} file
 * @param {AbortSignal} signal
 */
async function fetchUrl(file, signal) {
  const query = { drive_id: file.drive_id, size: 256 };
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const response = await limited(() => request('GET', `/v1/files/${file.id}/thumbnail`, { query, signal })).catch(
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
 * Run an action when fewer than `AT_ONCE` others run. A folder full of pictures then does not reach the limits of a user.
 *
 * @template T
 * @param {() => Promise<T>} action
 * @returns {Promise<T>}
 */
async function limited(action) {
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
