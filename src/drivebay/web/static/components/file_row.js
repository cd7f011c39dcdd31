/** One file or folder, as a row of a list or as a tile of a grid. Names are text. */
import { bytes, date, dateTime } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { html, useEffect, useRef } from '../lib/ui.js';
import { IconButton } from './button.js';
import { Icon } from './icon.js';
import { ItemIcon } from './item_icon.js';
import { Thumbnail } from './thumbnail.js';

/**
 * @typedef {import('../lib/folder.js').Item} Item
 *
 * @typedef {object} RowProps
 * @property {Item} item
 * @property {number} index
 * @property {boolean} isSelected
 * @property {boolean} isFocused
 * @property {boolean} isRenaming
 * @property {(name: string) => void} onRename
 * @property {any} handlers
 */

/** @param {RowProps} props */
export function FileRow({ item, index, isSelected, isFocused, isRenaming, onRename, handlers }) {
  const time = item.modified_at;
  return html`<div ...${rowAttributes(item, index, isSelected, isFocused, handlers)} class="file-row">
    <span role="gridcell" class="file-check"><${Check} item=${item} isSelected=${isSelected} onToggle=${handlers.onToggle} /></span>
    <span role="gridcell" class="file-name">
      <${ItemIcon} item=${item} />
      ${isRenaming ? html`<${NameField} item=${item} done=${onRename} />` : html`<span class="file-text" title=${item.name} onClick=${openOnTouch(handlers)}>${item.name}</span>`}
      ${item.starred && html`<span class="file-star"><${Icon} name="star" size=${15} filled /><span class="visually-hidden">${t('files.starred')}</span></span>`}
    </span>
    <span role="gridcell" class="file-modified" title=${dateTime(time)}>${date(time)}</span>
    <span role="gridcell" class="file-size">${item.kind === 'folder' ? '–' : bytes(item.size)}</span>
    <span role="gridcell" class="file-more"><${More} item=${item} onMore=${handlers.onMore} /></span>
  </div>`;
}

/** @param {RowProps} props */
export function FileTile({ item, index, isSelected, isFocused, isRenaming, onRename, handlers }) {
  return html`<div ...${rowAttributes(item, index, isSelected, isFocused, handlers)} class="file-tile">
    <span role="gridcell" class="file-tile-cell">
      <span class="file-tile-top"><${Check} item=${item} isSelected=${isSelected} onToggle=${handlers.onToggle} /><${More} item=${item} onMore=${handlers.onMore} /></span>
      <span class="file-tile-icon" onClick=${openOnTouch(handlers)}><${Thumbnail} key=${`${item.id} ${item.etag}`} item=${item} size=${46} /></span>
      ${isRenaming ? html`<${NameField} item=${item} done=${onRename} />` : html`<span class="file-text" title=${item.name}>${item.name}</span>`}
    </span>
  </div>`;
}

/**
 * @param {Item} item
 * @param {number} index
 * @param {boolean} isSelected
 * @param {boolean} isFocused
 * @param {any} handlers
 */
function rowAttributes(item, index, isSelected, isFocused, handlers) {
  return {
    role: 'row',
    'aria-selected': isSelected,
    'aria-rowindex': index + 1,
    'data-index': index,
    'data-id': item.id,
    tabIndex: isFocused ? 0 : -1,
    onClick: handlers.onClick,
    onDblClick: handlers.onDblClick,
    onContextMenu: handlers.onContextMenu,
    onFocus: handlers.onFocus,
    ...handlers.row,
  };
}

/** A finger has no double click: one tap opens. @param {any} handlers */
function openOnTouch(handlers) {
  return (/** @type {PointerEvent} */ event) => {
    if (event.pointerType === 'touch') handlers.onOpen(event);
  };
}

/** @param {{item: Item, isSelected: boolean, onToggle: () => void}} props */
function Check({ item, isSelected, onToggle }) {
  return html`<input type="checkbox" tabindex="-1" checked=${isSelected} aria-label=${t('files.select', { name: item.name })} onChange=${onToggle} />`;
}

/** @param {{item: Item, onMore: (event: MouseEvent) => void}} props */
function More({ item, onMore }) {
  return html`<${IconButton} icon="more" tabindex="-1" label=${t('files.actionsOf', { name: item.name })} aria-haspopup="menu" onClick=${onMore} />`;
}

/** @param {{item: Item, done: (name: string) => void}} props */
function NameField({ item, done }) {
  const ref = useRef(/** @type {HTMLInputElement | null} */ (null));
  const isDone = useRef(false);
  useEffect(() => {
    const dot = item.kind === 'file' ? item.name.lastIndexOf('.') : -1;
    ref.current?.focus();
    ref.current?.setSelectionRange(0, dot > 0 ? dot : item.name.length);
  }, []);
  const finish = (/** @type {string} */ name) => {
    if (isDone.current) return;
    isDone.current = true;
    done(name.trim());
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    event.stopPropagation();
    if (event.key === 'Enter') finish(ref.current?.value ?? '');
    if (event.key === 'Escape') finish('');
  };
  return html`<input ref=${ref} class="file-rename" aria-label=${t('files.newName')} defaultValue=${item.name} maxlength="255"
    onKeyDown=${onKeyDown} onBlur=${() => finish(ref.current?.value ?? '')} onDblClick=${(/** @type {Event} */ event) => event.stopPropagation()} />`;
}
