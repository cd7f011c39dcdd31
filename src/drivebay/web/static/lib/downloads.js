/** Downloads: the browser gets a signed URL of the store and saves the file. */
import { api } from './api.js';

const FRAME_MS = 120_000;

/**
 * Save one file, or several items as an archive.
 *
 * @param {import('./folder.js').Item[]} items
 * @param {string | null} drive
 */
export async function download(items, drive) {
  if (items.length === 1 && items[0].kind === 'file') return downloadFile(items[0], drive);
  const body = { ids: items.map(({ id }) => id) };
  const archive = await api('POST', '/v1/archives', { body, query: { drive_id: drive } });
  save(archive.url);
}

/**
 * @param {{id: string}} item
 * @param {string | null} drive
 */
async function downloadFile({ id }, drive) {
  const { url } = await api('GET', `/v1/files/${id}/download`, {
    query: { drive_id: drive, disposition: 'attachment' },
  });
  save(url);
}

/**
 * Make the browser save the response of a URL. With a frame, the browser stays on the page, so uploads continue.
 *
 * @param {string} url of the store or of this server, whose response is an attachment
 */
export function save(url) {
  const frame = document.createElement('iframe');
  frame.hidden = true;
  frame.src = url;
  document.body.append(frame);
  setTimeout(() => frame.remove(), FRAME_MS);
}
