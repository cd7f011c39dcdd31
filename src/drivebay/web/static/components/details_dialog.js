/** The details of one item in a dialog: also of a folder, and without a preview. */
import { html, useState } from '../lib/ui.js';
import { Details } from './details.js';
import { Dialog, openDialog } from './dialog.js';

/** @param {any} item */
export function openDetails(item) {
  const DetailsDialog = (/** @type {{close: () => void}} */ { close }) => {
    const [shown, setShown] = useState(item);
    return html`<${Dialog} title=${item.name} close=${close}><${Details} file=${shown} onChange=${setShown} isPane=${false} /><//>`;
  };
  return openDialog(DetailsDialog);
}
