/** One item in a list: icon, name that opens it, a line of notes, actions. Names are never read as HTML. */

import { folderPath, openItem } from '../lib/open_item.js';
import { url } from '../lib/router.js';
import { session } from '../lib/session.js';
import { html } from '../lib/ui.js';
import { ItemIcon } from './item_icon.js';

/**
 * @param {{item: any, siblings?: any[], note?: any, children?: any, opens?: boolean}} props  `children` are the
 *   actions. An item that does not open, such as one in the trash, has a name that is no link.
 */
export function ItemRow({ item, siblings = [item], note = null, children = null, opens = true }) {
  const own = session.value?.id;
  const open = (/** @type {MouseEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    openItem(item, siblings, own);
  };
  const name = !opens
    ? html`<span class="item-name" dir="auto">${item.name}</span>`
    : item.kind === 'folder'
      ? html`<a class="item-name" dir="auto" href=${url(folderPath(item, own))} onClick=${open}>${item.name}</a>`
      : html`<button type="button" class="item-name item-open" dir="auto" onClick=${open}>${item.name}</button>`;
  return html`<li class="item-row" data-id=${item.id}>
    <${ItemIcon} item=${item} />
    <div class="item-main">
      ${name}
      ${note !== null && html`<span class="item-note" dir="auto">${note}</span>`}
    </div>
    ${children !== null && html`<div class="item-actions">${children}</div>`}
  </li>`;
}
