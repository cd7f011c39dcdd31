/** Sharing of a file or folder: people and links in one dialog. */

import { t } from '../lib/i18n.js';
import { html } from '../lib/ui.js';
import { Dialog, openDialog } from './dialog.js';
import { ShareLinks } from './share_links.js';
import { SharePeople } from './share_people.js';

/**
 * @typedef {{id: string, drive_id: string, kind: "file" | "folder", name: string}} SharedItem
 */

/**
 * Open the dialog. Resolves when it is closed.
 *
 * @param {SharedItem} file
 * @returns {Promise<void>}
 */
export async function openShareDialog(file) {
  await openDialog(ShareDialog, { file });
}

/** @param {{file: SharedItem, close: (result?: any) => void}} props */
function ShareDialog({ file, close }) {
  return html`<${Dialog} title=${t('share.title', { name: file.name })} close=${close} wide>
    <div class="share-dialog">
      <${SharePeople} file=${file} />
      <${ShareLinks} file=${file} />
    </div>
  <//>`;
}
