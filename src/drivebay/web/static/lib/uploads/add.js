/** Starts uploads: of dropped files, of the files of a file dialog, or of the rest of an unfinished upload. */
import { openDialog } from '../../components/dialog.js';
import { toast, toastError } from '../../components/toast.js';
import { api } from '../api.js';
import { bytes } from '../format.js';
import { t } from '../i18n.js';
import { loadModule } from '../load_module.js';
import { loadUser, session } from '../session.js';
import { Batch } from './batch.js';
import { enqueue } from './queue.js';
import { chosenFiles, droppedFiles } from './tree.js';
import { matches, unfinished } from './unfinished.js';
import { Upload } from './upload.js';

/** @typedef {import('./upload.js').Target} Target */

/**
 * Upload the dropped files and folders. Call it before the event ends.
 *
 * @param {DataTransfer} data
 * @param {Target} target
 */
export function uploadDropped(data, target) {
  void droppedFiles(data)
    .then(({ files, emptyFolders }) => start(files, emptyFolders, target))
    .catch(toastError);
}

/**
 * Upload the files of a file dialog.
 *
 * @param {File[]} files
 * @param {Target} target
 */
export function uploadFiles(files, target) {
  void start(chosenFiles(files), [], target).catch(toastError);
}

/**
 * Continue an unfinished upload with its file. The user must choose the same file.
 *
 * @param {import('./unfinished.js').Unfinished} record
 * @param {File} file
 */
export function continueUpload(record, file) {
  if (!matches(record, file)) return toast(t('uploads.otherFile', { name: record.name }), { kind: 'error' });
  const batch = new Batch({ id: record.parent, drive: record.drive }, ask);
  batch.count = 1;
  const upload = new Upload(file, [], batch);
  upload.remoteId = record.id;
  unfinished.value = unfinished.value.filter(({ id }) => id !== record.id);
  enqueue([upload]);
}

/**
 * @param {import('./tree.js').Found[]} files
 * @param {string[][]} emptyFolders
 * @param {Target} target
 */
async function start(files, emptyFolders, target) {
  const size = files.reduce((sum, { file }) => sum + file.size, 0);
  const free = await freeBytes(target.drive);
  if (size > free)
    return toast(t('uploads.noSpace', { size: bytes(size), free: bytes(Math.max(0, free)) }), { kind: 'error' });
  const batch = new Batch(target, ask);
  batch.count = files.length;
  enqueue(files.map(({ file, folders }) => new Upload(file, folders, batch)));
  for (const names of emptyFolders) await batch.folder(names);
}

/** @param {string | null} drive */
async function freeBytes(drive) {
  if (drive === null) await loadUser();
  // The quota of a drive is unknown here if only items of the drive are shared. Then the API checks it.
  const usage =
    drive === null ? session.value?.usage : (await api('GET', `/v1/drives/${drive}`).catch(() => null))?.usage;
  return usage ? usage.limit_bytes - usage.used_bytes - usage.reserved_bytes : Infinity;
}

/**
 * @param {string} name
 * @param {number} count
 * @returns {Promise<'replace' | 'rename' | 'skip'>}
 */
async function ask(name, count) {
  const { ConflictDialog } = await loadModule(import('../../components/conflict_dialog.js'));
  return (await openDialog(ConflictDialog, { name, count })) ?? 'skip';
}
