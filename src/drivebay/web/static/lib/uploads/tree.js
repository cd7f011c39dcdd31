/** Files of a drop or of a file dialog, with the folders that they are in. */

/** @typedef {{file: File, folders: string[]}} Found */

/**
 * Return the files of a file dialog.
 *
 * @param {File[]} files
 * @returns {Found[]}
 */
export function chosenFiles(files) {
  return files.map((file) => ({ file, folders: file.webkitRelativePath.split('/').slice(0, -1) }));
}

/**
 * Return the files of a drop and the folders without files. Call it before the event ends: its data is gone afterwards.
 *
 * @param {DataTransfer} data
 * @returns {Promise<{files: Found[], emptyFolders: string[][]}>}
 */
export async function droppedFiles(data) {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  const plain = [...data.files];
  /** @type {{files: Found[], emptyFolders: string[][]}} */
  const found = { files: [], emptyFolders: [] };
  if (entries.every((entry) => entry === null))
    return { files: plain.map((file) => ({ file, folders: [] })), emptyFolders: [] };
  for (const entry of entries) if (entry) await walk(entry, [], found);
  return found;
}

/**
 * @param {FileSystemEntry} entry
 * @param {string[]} folders
 * @param {{files: Found[], emptyFolders: string[][]}} found
 */
async function walk(entry, folders, found) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) =>
      /** @type {FileSystemFileEntry} */ (entry).file(resolve, reject),
    );
    found.files.push({ file, folders });
    return;
  }
  const below = [...folders, entry.name];
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  let count = 0;
  for (;;) {
    // Browsers return at most 100 entries at once.
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    count += some.length;
    for (const each of some) await walk(each, below, found);
  }
  if (!count) found.emptyFolders.push(below);
}
