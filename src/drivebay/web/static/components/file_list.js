/** A list or grid of files and folders: selection, keyboard, rename in place, drag and drop. */
import { t } from '../lib/i18n.js';
import { html, useCallback, useEffect, useLayoutEffect, useState } from '../lib/ui.js';
import { useKeptFocus } from '../lib/use_kept_focus.js';
import { FileRow, FileTile } from './file_row.js';
import { Icon } from './icon.js';
import { scrollToRow, VirtualList } from './virtual_list.js';

/**
 * @typedef {import('../lib/folder.js').Item} Item
 *
 * @typedef {object} ListProps
 * @property {Item[]} items
 * @property {import('../lib/selection.js').Selection} selection
 * @property {'list' | 'grid'} layout
 * @property {string} [sort] such as `-modified`; without it the columns do not sort
 * @property {(sort: string) => void} [onSort]
 * @property {(item: Item) => void} onOpen
 * @property {() => Promise<void> | void} [selectAll] selects also the items that are not loaded yet
 * @property {(items: Item[], at: {x: number, y: number}) => void} onMenu
 * @property {(items: Item[]) => void} [onDelete]
 * @property {(item: Item, name: string) => Promise<void>} [onRename]
 * @property {() => void} [onNearEnd]
 * @property {(item: Item) => object} [drag] makes the handlers of an item that can be dragged
 * @property {(item: Item) => object} [drop] makes the handlers of a folder on which items can be dropped
 * @property {import('../lib/ui.js').Signal<string>} renaming id of the item whose name is edited
 * @property {string} label
 */

const ROW_HEIGHT = 48;
const TILE_HEIGHT = 184;
const TILE_WIDTH = 168;

/** @param {ListProps} props */
export function FileList(props) {
  const { items, selection, layout, onNearEnd, label, renaming } = props;
  const ref = useKeptFocus('[role=row]', (id) => items.some((item) => item.id === id));
  const columns = useColumns(ref, layout);
  const rowHeight = layout === 'grid' ? TILE_HEIGHT : ROW_HEIGHT;
  const found = items.findIndex(({ id }) => id === selection.focus.value);
  const focused = Math.max(0, found);
  const show = useCallback(
    (/** @type {number} */ index) => focusItem(ref.current, index, columns, rowHeight),
    [columns, rowHeight],
  );
  const keys = { ...props, columns, focused, show };
  const render = (/** @type {number} */ index) => {
    const item = items[index];
    const handlers = rowHandlers(props, item);
    const Component = layout === 'grid' ? FileTile : FileRow;
    return html`<${Component}
      key=${item.id} item=${item} index=${index} isSelected=${selection.has(item.id)} isFocused=${index === focused}
      isRenaming=${renaming.value === item.id} handlers=${handlers}
      onRename=${(/** @type {string} */ name) => finishRename(props, item, name, () => show(index))}
    />`;
  };
  return html`<div class="file-list file-list-${layout}" ref=${ref}>
    ${layout === 'list' && html`<${Head} ...${props} />`}
    <${VirtualList}
      count=${items.length} rowHeight=${rowHeight} columns=${columns} renderRow=${render} onNearEnd=${onNearEnd}
      role="grid" aria-label=${label} aria-rowcount=${items.length} aria-multiselectable="true"
      onKeyDown=${(/** @type {KeyboardEvent} */ event) => onKey(event, keys)}
    />
  </div>`;
}

/** @param {ListProps} props */
function Head({ sort, onSort }) {
  const column = (/** @type {string} */ key, /** @type {string} */ text) => {
    const isActive = sort?.replace('-', '') === key;
    if (!sort) return html`<span class="file-${key}">${text}</span>`;
    const next = isActive && !sort.startsWith('-') ? `-${key}` : key;
    const state = isActive ? t(sort.startsWith('-') ? 'files.descending' : 'files.ascending') : '';
    return html`<button type="button" class="file-${key} file-sort" onClick=${() => onSort?.(next)}>
      ${text}${isActive && html`<${Icon} name=${sort.startsWith('-') ? 'down' : 'up'} size=${14} /><span class="visually-hidden">${state}</span>`}
    </button>`;
  };
  return html`<div class="file-head">
    <span></span>${column('name', t('files.name'))}${column('modified', t('files.modified'))}${column('size', t('files.size'))}<span></span>
  </div>`;
}

/**
 * @param {ListProps} props
 * @param {Item} item
 */
function rowHandlers(props, item) {
  const { items, selection, onOpen, onMenu } = props;
  return {
    onClick: (/** @type {MouseEvent} */ event) => {
      if (/** @type {Element} */ (event.target).closest('input, button, a')) return;
      if (event.shiftKey) selection.extend(items, item.id);
      else if (event.ctrlKey || event.metaKey) selection.toggle(item.id);
      else selection.only(item.id);
    },
    onDblClick: () => onOpen(item),
    onOpen: (/** @type {Event} */ event) => {
      event.stopPropagation();
      onOpen(item);
    },
    onFocus: () => (selection.focus.value = item.id),
    onToggle: () => selection.toggle(item.id),
    onContextMenu: (/** @type {MouseEvent} */ event) => {
      event.preventDefault();
      if (!selection.has(item.id)) selection.only(item.id);
      onMenu(selection.of(items), { x: event.clientX, y: event.clientY });
    },
    onMore: (/** @type {MouseEvent} */ event) => {
      const box = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
      if (!selection.has(item.id)) selection.only(item.id);
      onMenu(selection.of(items), { x: box.right, y: box.bottom });
    },
    row: { ...(props.drag?.(item) ?? {}), ...(item.kind === 'folder' ? (props.drop?.(item) ?? {}) : {}) },
  };
}

/**
 * @param {KeyboardEvent} event
 * @param {ListProps & {columns: number, focused: number, show: (index: number) => void}} list
 */
function onKey(event, list) {
  if (/** @type {Element} */ (event.target).closest('input:not([type=checkbox])')) return;
  const { items, selection, columns, focused, show } = list;
  const item = items[focused];
  if (!item) return;
  const isOnControl = /** @type {Element} */ (event.target).closest('button, a') !== null;
  const steps = {
    ArrowDown: columns,
    ArrowUp: -columns,
    ArrowRight: columns > 1 ? 1 : 0,
    ArrowLeft: columns > 1 ? -1 : 0,
  };
  const last = items.length - 1;
  /** @type {Record<string, number>} */
  const jumps = {
    Home: 0,
    End: last,
    PageDown: Math.min(last, focused + 10 * columns),
    PageUp: Math.max(0, focused - 10 * columns),
  };
  const step = steps[/** @type {keyof typeof steps} */ (event.key)];
  if (step || event.key in jumps) {
    const to = step ? Math.min(last, Math.max(0, focused + step)) : jumps[event.key];
    if (event.shiftKey) selection.extend(items, items[to].id);
    else if (event.ctrlKey || event.metaKey) selection.focus.value = items[to].id;
    else selection.only(items[to].id);
    show(to);
  } else if (event.key === 'Enter' && !isOnControl) list.onOpen(item);
  else if (event.key === ' ' && !isOnControl) selection.toggle(item.id);
  else if (event.key === 'F2' && list.onRename) list.renaming.value = item.id;
  else if (event.key === 'Delete' && list.onDelete)
    list.onDelete(selection.ids.value.size ? selection.of(items) : [item]);
  else if (event.key === 'a' && (event.ctrlKey || event.metaKey))
    void (list.selectAll ? list.selectAll() : selection.all(items));
  else if (event.key === 'Escape') selection.clear();
  else if (event.key === 'ContextMenu' || (event.key === 'F10' && event.shiftKey)) {
    const box = /** @type {Element} */ (event.target).getBoundingClientRect();
    if (!selection.has(item.id)) selection.only(item.id);
    list.onMenu(selection.of(items), { x: box.left + 48, y: box.bottom });
  } else return;
  event.preventDefault();
}

/**
 * @param {ListProps} props
 * @param {Item} item
 * @param {string} name '' keeps the old name
 * @param {() => void} focus
 */
async function finishRename({ onRename, renaming }, item, name, focus) {
  renaming.value = '';
  focus();
  if (name && name !== item.name) await onRename?.(item, name);
}

/**
 * @param {HTMLElement | null} list
 * @param {number} index
 * @param {number} columns
 * @param {number} rowHeight
 */
function focusItem(list, index, columns, rowHeight) {
  const grid = /** @type {HTMLElement | null} */ (list?.querySelector('[role=grid]') ?? null);
  if (!grid) return;
  scrollToRow(grid, Math.floor(index / columns), rowHeight);
  const focus = () => {
    const row = /** @type {HTMLElement | null} */ (grid.querySelector(`[data-index="${index}"]`));
    row?.focus({ preventScroll: true });
    return row !== null;
  };
  // A row that was out of view is rendered after the scroll event.
  requestAnimationFrame(() => focus() || requestAnimationFrame(focus));
}

/**
 * @param {import('../lib/ui.js').Ref<HTMLElement | null>} ref
 * @param {'list' | 'grid'} layout
 */
function useColumns(ref, layout) {
  const [columns, setColumns] = useState(1);
  useLayoutEffect(() => {
    const measure = () =>
      setColumns(layout === 'list' ? 1 : Math.max(2, Math.floor((ref.current?.clientWidth ?? 0) / TILE_WIDTH)));
    measure();
    window.addEventListener('resize', measure);
    return () => window.removeEventListener('resize', measure);
  }, [layout]);
  useEffect(() => ref.current?.style.setProperty('--columns', String(columns)), [columns]);
  return columns;
}
