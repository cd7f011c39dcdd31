/** Opens an item of any list: a folder in the files view, a file in the preview. */

import { toastError } from '../components/toast.js';
import { isSignedOut } from './access_token.js';
import { loadModule } from './load_module.js';
import { location, navigate } from './router.js';

/** @typedef {{id: string, drive_id: string, kind: "file" | "folder", name: string, size: number, content_type: string}} Item */

/** Whether the module of the preview is being loaded. A second key press then opens no second preview. */
let isLoading = false;

/**
 * Return the path of a folder in the app. Another person who has access can open it too.
 *
 * @param {{id: string, drive_id: string}} folder
 * @param {string} [ownDrive]  the id of the personal drive, which needs no parameter
 */
export function folderPath(folder, ownDrive) {
  const drive = folder.drive_id === ownDrive ? '' : `?drive_id=${encodeURIComponent(folder.drive_id)}`;
  return `/files/${encodeURIComponent(folder.id)}${drive}`;
}

/**
 * @param {Item} item
 * @param {Item[]} siblings  the files that the preview can go on to
 * @param {string} [ownDrive]
 */
export function openItem(item, siblings, ownDrive) {
  if (item.kind === 'folder') navigate(folderPath(item, ownDrive));
  else if (!isLoading) void openFile(item, siblings).catch(toastError);
}

/**
 * The first page loads without the preview.
 *
 * @param {Item} file
 * @param {Item[]} siblings
 */
async function openFile(file, siblings) {
  const start = location.peek();
  isLoading = true;
  let preview;
  try {
    preview = await loadModule(import('../components/preview.js'));
  } finally {
    isLoading = false;
  }
  if (location.peek() === start && !isSignedOut.peek()) await preview.openPreview(file, siblings);
}
