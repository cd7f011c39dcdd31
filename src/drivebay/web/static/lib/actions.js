/** The actions on files and folders. Each shows its result in a message, with undo where that is possible. */
import { openDialog } from '../components/dialog.js';
import { toast, toastError } from '../components/toast.js';
import { api } from './api.js';
import { errorText } from './errors.js';
import { t } from './i18n.js';
import { loadModule } from './load_module.js';
import { loadUser } from './session.js';
import { offerUndo } from './undo.js';

/**
 * @typedef {import('./folder.js').Item} Item
 * @typedef {import('./folder.js').Folder} Folder
 */

const BATCH = 100;
const STARS_AT_ONCE = 6;

/**
 * Put items into the trash.
 *
 * @param {Item[]} items
 * @param {string | null} drive
 * @param {Folder} [folder] the folder that shows them
 */
export async function trash(items, drive, folder) {
  const ids = items.map(({ id }) => id);
  const done = await inBatches('/v1/files/batch/trash', ids, {}, drive);
  folder?.remove(done);
  if (!done.length) return;
  const text =
    done.length === 1
      ? t('files.trashedOne', { name: nameOf(done[0], items) })
      : t('files.trashed', { count: done.length });
  const undo = async (/** @type {string[]} */ left) => {
    await inBatches('/v1/files/batch/restore', left, {}, drive, t('files.notInTrash'));
    await folder?.refresh();
    void loadUser().catch(() => {});
  };
  offerUndo(text, { what: 'trash', drive, ids: done, undo });
}

/**
 * Move items to another folder of their drive.
 *
 * @param {Item[]} items
 * @param {{id: string, name: string}} target
 * @param {string | null} drive
 * @param {Folder} [folder]
 */
export async function move(items, target, drive, folder) {
  const origins = new Map(items.map(({ id, parent_id }) => [id, parent_id ?? 'root']));
  const moving = items.filter(({ id, parent_id }) => id !== target.id && (parent_id ?? 'root') !== target.id);
  if (!moving.length) return;
  const done = await inBatches(
    '/v1/files/batch/move',
    moving.map(({ id }) => id),
    { parent_id: target.id },
    drive,
  );
  folder?.remove(done);
  if (!done.length) return;
  const values = { name: nameOf(done[0], items), folder: target.name, count: done.length };
  const undo = async (/** @type {string[]} */ left) => {
    for (const parent of new Set(origins.values())) {
      const back = left.filter((id) => origins.get(id) === parent);
      if (back.length) await inBatches('/v1/files/batch/move', back, { parent_id: parent }, drive);
    }
    await folder?.refresh();
  };
  const text = t(done.length === 1 ? 'files.movedOne' : 'files.moved', values);
  offerUndo(text, { what: 'place', drive, ids: done, undo });
}

/**
 * Ask for a folder and move items there.
 *
 * @param {Item[]} items
 * @param {string | null} drive
 * @param {Folder} folder the folder that shows them
 */
export async function moveWithDialog(items, drive, folder) {
  const { FolderDialog } = await loadModule(import('../components/folder_dialog.js'));
  const target = await openDialog(FolderDialog, { verb: 'move', items, drive, top: folder.top.value });
  if (target) await move(items, target, drive, folder);
}

/**
 * Ask for a folder and copy items there, also into another drive. A name that is taken gets a number.
 *
 * @param {Item[]} items
 * @param {string | null} drive
 * @param {Folder} folder the folder that shows them
 */
export async function copyWithDialog(items, drive, folder) {
  const [{ FolderDialog }, { followJob, startCopies }] = await Promise.all([
    loadModule(import('../components/folder_dialog.js')),
    loadModule(import('./copies.js')),
  ]);
  const top = folder.canEdit.value ? folder.top.value : null;
  const target = await openDialog(FolderDialog, { verb: 'copy', items, drive, top });
  if (!target) return;
  if (target.drive !== drive) return startCopies(items, drive, target);
  const body = { parent_id: target.id, on_conflict: 'rename' };
  const ids = items.filter(({ kind }) => kind === 'file').map(({ id }) => id);
  const done = ids.length ? await inBatches('/v1/files/batch/copy', ids, body, drive) : [];
  // Each folder needs its own request, which copies a large folder by a job. The copy appears when it is complete.
  for (const item of items.filter(({ kind }) => kind === 'folder')) {
    try {
      const response = await api('POST', `/v1/files/${item.id}/copy`, { body, query: { drive_id: drive } });
      if (response.job) followJob(item, drive, target, response.job);
      else done.push(item.id);
    } catch (error) {
      toastError(error);
    }
  }
  if (!done.length) return;
  const values = { name: nameOf(done[0], items), folder: target.name, count: done.length };
  toast(t(done.length === 1 ? 'files.copiedOne' : 'files.copied', values));
  await folder.refresh();
  void loadUser().catch(() => {});
}

/**
 * @param {Item} item
 * @param {string} name
 * @param {string | null} drive
 * @returns {Promise<Item>} rejects with ApiError
 */
export function rename(item, name, drive) {
  return api('PATCH', `/v1/files/${item.id}`, { body: { name }, query: { drive_id: drive } });
}

/**
 * Star items, or remove their stars, a few at a time.
 *
 * @param {Item[]} items
 * @param {boolean} starred
 * @param {string | null} drive
 * @param {Folder} folder the folder that shows them
 * @returns {Promise<void>} rejects with the first ApiError; the items before it are changed
 */
export async function star(items, starred, drive, folder) {
  const waiting = items.map(({ id }) => id);
  const sendNext = async () => {
    for (let id = waiting.shift(); id !== undefined; id = waiting.shift())
      folder.put(await api('PATCH', `/v1/files/${id}`, { body: { starred }, query: { drive_id: drive } }));
  };
  await Promise.all(Array.from({ length: STARS_AT_ONCE }, sendNext));
}

/**
 * @param {string} name
 * @param {string} parent
 * @param {string | null} drive
 * @returns {Promise<Item>}
 */
export function createFolder(name, parent, drive) {
  return api('POST', '/v1/folders', { body: { name, parent_id: parent }, query: { drive_id: drive } });
}

/**
 * Call a batch route for all ids, and show the first failure in a message. After a call that fails, no more are sent.
 *
 * @param {string} path
 * @param {string[]} ids
 * @param {object} fields
 * @param {string | null} drive
 * @param {string} [goneText] the message for an item that does not exist
 * @returns {Promise<string[]>} the ids for which it succeeded
 */
async function inBatches(path, ids, fields, drive, goneText = t('error.not_found')) {
  /** @type {string[]} */
  const done = [];
  let problem = '';
  for (let from = 0; from < ids.length; from += BATCH) {
    const some = ids.slice(from, from + BATCH);
    try {
      const { items } = await api('POST', path, { body: { ids: some, ...fields }, query: { drive_id: drive } });
      for (const [index, result] of items.entries()) {
        if (result.error) problem ||= result.error.code === 'not_found' ? goneText : itemErrorText(result.error);
        else done.push(some[index]);
      }
    } catch (error) {
      // The result of the earlier calls is shown too, and can be undone.
      problem ||= errorText(error);
      break;
    }
  }
  if (problem) toast(problem, { kind: 'error' });
  return done;
}

/** @param {{code: string, detail: string}} error why one item of a batch failed */
function itemErrorText({ code, detail }) {
  const key = `error.${code}`;
  const text = t(key);
  return text === key ? detail : text;
}

/**
 * @param {string} id
 * @param {Item[]} items
 */
function nameOf(id, items) {
  return items.find((item) => item.id === id)?.name ?? '';
}
