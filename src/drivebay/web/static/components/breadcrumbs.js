/** The path of a folder as links. Items can be dropped on each link. */
import { t } from '../lib/i18n.js';
import { folderUrl } from '../lib/links.js';
import { html } from '../lib/ui.js';
import { Icon } from './icon.js';

/**
 * @param {{path: import('../lib/folder.js').Item[], drive: string | null, root: {id: string, name: string} | null,
 *   drop?: (target: {id: string, name: string}) => object}} props `drop` makes the handlers of a drop target. `root` is
 *   null where the user does not see it.
 */
export function Breadcrumbs({ path, drive, root, drop = () => ({}) }) {
  const above = (root === null ? path : [root, ...path]).slice(0, -1);
  if (!above.length) return null;
  return html`<nav class="breadcrumbs" aria-label=${t('files.path')}>
    <ol>
      ${above.map((folder) => html`<li key=${folder.id}><a href=${folderUrl(folder.id, drive)} ...${drop(folder)}>${folder.name}</a><${Icon} name="right" size=${14} /></li>`)}
    </ol>
  </nav>`;
}
