/** The view of one folder. */
import { Breadcrumbs } from '../components/breadcrumbs.js';
import { Button, IconButton } from '../components/button.js';
import { FormDialog, openDialog } from '../components/dialog.js';
import { Empty, Failure } from '../components/empty.js';
import { Field } from '../components/field.js';
import { FileList } from '../components/file_list.js';
import { openMenu } from '../components/menu.js';
import { PageHeader } from '../components/page.js';
import { ProblemNotice } from '../components/problem_notice.js';
import { Loading } from '../components/progress.js';
import { toastError } from '../components/toast.js';
import * as actions from '../lib/actions.js';
import { isCopying } from '../lib/copying.js';
import { download } from '../lib/downloads.js';
import { dragHandlers, dropHandlers } from '../lib/drag.js';
import { Folder } from '../lib/folder.js';
import { t } from '../lib/i18n.js';
import { itemMenu } from '../lib/item_menu.js';
import { folderUrl } from '../lib/links.js';
import { openItem } from '../lib/open_item.js';
import { navigate, url } from '../lib/router.js';
import { Selection } from '../lib/selection.js';
import { session } from '../lib/session.js';
import { html, useCallback, useEffect, useMemo, useSignal } from '../lib/ui.js';
import { uploadDropped, uploadFiles } from '../lib/uploads/add.js';
import { isUploading } from '../lib/uploads/queue.js';

/** @typedef {import('../lib/folder.js').Item} Item */

const SORT_KEY = 'drivebay-sort';
const LAYOUT_KEY = 'drivebay-layout';
/** The last file dialog. @type {HTMLInputElement | null} */
let input = null;

/** @param {{params: Record<string, string>, query: URLSearchParams}} props */
export default function Files({ params, query }) {
  const id = params.id ?? 'root';
  const drive = query.get('drive_id');
  const sort = query.get('sort') ?? localStorage.getItem(SORT_KEY) ?? 'name';
  const folder = useMemo(() => new Folder(id, drive, sort), [id, drive, sort]);
  const selection = useMemo(() => new Selection(), [id, drive]);
  const layout = useSignal(
    /** @type {'list' | 'grid'} */ (localStorage.getItem(LAYOUT_KEY) === 'grid' ? 'grid' : 'list'),
  );
  const renaming = useSignal('');
  useEffect(() => {
    void folder.open();
    return () => folder.close();
  }, [folder]);
  const loadMore = useCallback(() => void folder.loadMore(), [folder]);
  const isBusy = isUploading.value || isCopying.value;
  useEffect(() => {
    if (!isBusy && !folder.listing.value.isLoading) void folder.refresh();
  }, [folder, isBusy]);
  const { items, isComplete, isLoading, error } = folder.listing.value;
  const path = folder.path.value;
  const canEdit = folder.canEdit.value;
  const title = (id === 'root' ? folder.top.value.name : path[path.length - 1]?.name) || t('common.loading');
  const list = listHandlers({ folder, selection, renaming, drive, items, canEdit });
  // Until the role is known, a drop is accepted, and the API decides.
  const isViewer = folder.access.value?.role === 'viewer';
  const dropFiles = isViewer ? {} : dropHandlers({ onFiles: (data) => uploadDropped(data, { id, drive }) });
  const setLayout = (/** @type {'list' | 'grid'} */ value) => {
    localStorage.setItem(LAYOUT_KEY, value);
    layout.value = value;
  };
  const onSort = (/** @type {string} */ value) => {
    localStorage.setItem(SORT_KEY, value);
    navigate(pathOf(id, drive, value), { replace: true });
  };
  if (folder.isGone.value) return html`<${Gone} drive=${drive} isWhole=${folder.access.value?.isWhole} />`;
  if (error && !items.length) return html`<${Failure} error=${error} retry=${() => void folder.retry()} />`;
  return html`<div class="files" ...${dropFiles}>
    <${Breadcrumbs} path=${path} drive=${drive} root=${folder.access.value?.isWhole ? folder.top.value : null} drop=${list.dropOn} />
    <${PageHeader} title=${title}>
      <${Toolbar} selection=${selection} items=${items} drive=${drive} folder=${folder} layout=${layout.value} setLayout=${setLayout} onDelete=${list.onDelete} />
    <//>
    ${items.length === 0 && (isComplete ? html`<${NoFiles} id=${id} drive=${drive} canEdit=${canEdit} />` : isLoading && html`<${Loading} />`)}
    ${items.length > 0 && html`<${FileList} items=${items} selection=${selection} layout=${layout.value} sort=${sort} onSort=${onSort} renaming=${renaming} onNearEnd=${loadMore} label=${title} ...${list.props} />`}
    ${error && html`<${ProblemNotice} error=${error} onRetry=${() => void folder.retry()} />`}
  </div>`;
}

/** @param {{drive: string | null, isWhole?: boolean}} props */
function Gone({ drive, isWhole = false }) {
  const trash = `/trash${drive ? `?${new URLSearchParams({ drive_id: drive })}` : ''}`;
  return html`<${Empty} icon="trash" title=${t('files.goneTitle')} text=${t('files.gone')}>
    <div class="toolbar">
      ${isWhole && html`<a class="button button-primary" href=${url(trash)}>${t('nav.trash')}</a>`}
      <a class="button button-plain" href=${folderUrl('root')}>${t('nav.files')}</a>
    </div>
  <//>`;
}

/**
 * @param {{folder: Folder, selection: Selection, renaming: import('../lib/ui.js').Signal<string>, drive: string | null,
 *   items: Item[], canEdit: boolean}} view
 */
function listHandlers({ folder, selection, renaming, drive, items, canEdit }) {
  const moveHere = (/** @type {{id: string, name: string}} */ target) =>
    dropHandlers({
      onItems: (dragged) => void actions.move(dragged, target, drive, folder).catch(toastError),
      onFiles: (data) => uploadDropped(data, { id: target.id, drive }),
      accepts: (dragged) => !dragged.some(({ id }) => id === target.id),
    });
  const onDelete = (/** @type {Item[]} */ chosen) => {
    selection.clear();
    void actions.trash(chosen, drive, folder).catch(toastError);
  };
  const onRename = async (/** @type {Item} */ item, /** @type {string} */ name) => {
    try {
      folder.put(await actions.rename(item, name, drive));
    } catch (error) {
      toastError(error);
    }
  };
  const onOpen = (/** @type {Item} */ item) => openItem(item, items, session.value?.id);
  const onMenu = (/** @type {Item[]} */ chosen, /** @type {{x: number, y: number}} */ at) =>
    openMenu(
      itemMenu(chosen, { drive, folder, onOpen, onDelete, onRename: (item) => (renaming.value = item.id) }),
      at,
      t('files.actions'),
    );
  const drag = (/** @type {Item} */ item) =>
    dragHandlers(() => (selection.has(item.id) ? selection.of(items) : [item]));
  const selectAll = async () => {
    await folder.loadAll();
    selection.all(folder.listing.value.items);
  };
  const reading = { selectAll, onOpen, onMenu };
  if (!canEdit) return { props: reading, onDelete, dropOn: undefined };
  return { props: { ...reading, onDelete, onRename, drag, drop: moveHere }, onDelete, dropOn: moveHere };
}

/**
 * @param {{selection: Selection, items: Item[], drive: string | null, folder: Folder, layout: 'list' | 'grid',
 *   setLayout: (layout: 'list' | 'grid') => void, onDelete: (items: Item[]) => void}} props
 */
function Toolbar({ selection, items, drive, folder, layout, setLayout, onDelete }) {
  const chosen = selection.ids.value.size ? selection.of(items) : [];
  const canEdit = folder.canEdit.value;
  const run = (/** @type {() => Promise<unknown>} */ action) => () => void action().catch(toastError);
  const toggle = html`<${IconButton} icon=${layout === 'list' ? 'grid' : 'list'} label=${t(layout === 'list' ? 'files.showGrid' : 'files.showList')} onClick=${() => setLayout(layout === 'list' ? 'grid' : 'list')} />`;
  const hasChosen = chosen.length > 0;
  // Both are in the same place, so that the rows below do not move between the two clicks of a double click.
  return html`<div class="toolbars">
    <div class=${hasChosen ? 'toolbar toolbar-selection' : 'toolbar toolbar-selection is-away'} role="toolbar" aria-label=${t('files.actions')}>
      <${IconButton} icon="close" label=${t('files.clear')} onClick=${() => selection.clear()} />
      <span class="toolbar-count" role="status">${hasChosen ? t('files.selected', { count: chosen.length }) : ''}</span>
      <${IconButton} icon="download" label=${t('files.download')} onClick=${run(() => download(chosen, drive))} />
      ${
        canEdit &&
        html`<${IconButton} icon="move" label=${t('files.move')} onClick=${run(() => actions.moveWithDialog(chosen, drive, folder))} />
          <${IconButton} icon="trash" label=${t('files.trash')} onClick=${() => onDelete(chosen)} />`
      }
      ${toggle}
    </div>
    <div class=${hasChosen ? 'toolbar is-away' : 'toolbar'} role="toolbar" aria-label=${t('files.actions')}>
      ${
        canEdit &&
        html`<${UploadButtons} id=${folder.id} drive=${drive} />
          <${Button} icon="plus" onClick=${() => void newFolder(folder, drive)}>${t('files.newFolder')}<//>`
      }
      ${toggle}
    </div>
  </div>`;
}

/** @param {{id: string, drive: string | null}} props */
function UploadButtons({ id, drive }) {
  const choose = (/** @type {boolean} */ isFolder) => {
    // A reference, so that the element is not collected while the dialog of the browser is open.
    input = document.createElement('input');
    input.type = 'file';
    input.multiple = true;
    input.webkitdirectory = isFolder;
    input.addEventListener('change', () => uploadFiles([...(input?.files ?? [])], { id, drive }));
    input.click();
  };
  return html`<${Button} kind="primary" icon="upload" onClick=${() => choose(false)}>${t('files.upload')}<//>
    <${Button} icon="folder" onClick=${() => choose(true)}>${t('files.uploadFolder')}<//>`;
}

/** @param {{id: string, drive: string | null, canEdit: boolean}} props */
function NoFiles({ id, drive, canEdit }) {
  if (!canEdit) return html`<${Empty} icon="folder" title=${t('files.emptyTitle')} />`;
  return html`<${Empty} icon="upload" title=${t('files.emptyTitle')} text=${t('files.empty')}>
    <div class="toolbar"><${UploadButtons} id=${id} drive=${drive} /></div>
  <//>`;
}

/**
 * @param {Folder} folder
 * @param {string | null} drive
 */
async function newFolder(folder, drive) {
  const NewFolder = (/** @type {{close: (result?: Item) => void}} */ { close }) => {
    const create = (/** @type {Record<string, string>} */ { folder: name }) =>
      actions.createFolder(name.trim(), folder.id, drive);
    return html`<${FormDialog} title=${t('files.newFolder')} close=${close} submit=${t('files.create')} onSubmit=${create}>
      <${Field} label=${t('files.newFolderName')} name="folder" maxlength="255" required data-autofocus />
    <//>`;
  };
  const created = await openDialog(NewFolder);
  if (created) folder.put(created);
}

/**
 * @param {string} id
 * @param {string | null} drive
 * @param {string} [sort]
 */
function pathOf(id, drive, sort) {
  const values = { ...(drive && { drive_id: drive }), ...(sort && { sort }) };
  const query = new URLSearchParams(values).toString();
  return `/files/${id}${query && '?'}${query}`;
}
