/** The menu of one or more items. */
import { toastError } from '../components/toast.js';
import * as actions from './actions.js';
import { download } from './downloads.js';
import { t } from './i18n.js';
import { loadModule } from './load_module.js';

/**
 * @typedef {import('./folder.js').Item} Item
 *
 * @typedef {object} MenuOptions
 * @property {string | null} drive
 * @property {import('./folder.js').Folder} folder the folder that shows the items
 * @property {(item: Item) => void} onOpen
 * @property {(items: Item[]) => void} onDelete
 * @property {(item: Item) => void} [onRename]
 */

/** Opens the dialog that shares an item. The view of sharing sets it. @type {{open: ((item: Item, drive: string | null) => void) | null}} */
export const shareDialog = { open: null };

/**
 * @param {Item[]} items
 * @param {MenuOptions} options
 * @returns {import('../components/menu.js').MenuItem[]}
 */
export function itemMenu(items, { drive, folder, onOpen, onDelete, onRename }) {
  const [item] = items;
  const isOne = items.length === 1;
  const run = (/** @type {() => Promise<unknown>} */ action) => () => void action().catch(toastError);
  const isStarred = items.every(({ starred }) => starred);
  const share = shareDialog.open;
  const canEdit = folder.canEdit.value;
  // A user with a permission on an item only may not share it.
  const canShare = canEdit && folder.access.value?.isWhole === true;
  /** @type {(import('../components/menu.js').MenuItem | false)[]} */
  const entries = [
    isOne && { text: t('files.open'), icon: item.kind === 'folder' ? 'folder' : 'eye', run: () => onOpen(item) },
    { text: t('files.download'), icon: 'download', run: run(() => download(items, drive)) },
    isOne && canShare && share !== null && { text: t('files.share'), icon: 'share', run: () => share(item, drive) },
    isOne && { text: t('details.title'), icon: 'info', run: run(() => showDetails(item)) },
    canEdit && null,
    canEdit && isOne && onRename !== undefined && { text: t('files.rename'), icon: 'edit', run: () => onRename(item) },
    canEdit && { text: t('files.move'), icon: 'move', run: run(() => actions.moveWithDialog(items, drive, folder)) },
    // An item that the user may only read can be copied to another drive.
    { text: t('files.copy'), icon: 'copy', run: run(() => actions.copyWithDialog(items, drive, folder)) },
    canEdit && {
      text: t(isStarred ? 'files.unstar' : 'files.star'),
      icon: 'star',
      run: run(() => actions.star(items, !isStarred, drive, folder)),
    },
    canEdit && null,
    canEdit && { text: t('files.trash'), icon: 'trash', danger: true, run: () => onDelete(items) },
  ];
  return /** @type {import('../components/menu.js').MenuItem[]} */ (entries.filter((entry) => entry !== false));
}

/** @param {Item} item */
async function showDetails(item) {
  const { openDetails } = await loadModule(import('../components/details_dialog.js'));
  await openDetails(item);
}
