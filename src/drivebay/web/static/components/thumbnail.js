/** The thumbnail of a file, or the icon of the file while there is no thumbnail. */
import { t } from '../lib/i18n.js';
import { knownThumbnail, thumbnailUrl } from '../lib/thumbnails.js';
import { html, useEffect, useState } from '../lib/ui.js';
import { ItemIcon } from './item_icon.js';

/** The delay before a request. A tile that is scrolled out of view earlier sends none. */
const DELAY_MS = 150;

/** @param {{item: any, size: number}} props  the `key` of the component must change with the file and its content */
export function Thumbnail({ item, size }) {
  const [url, setUrl] = useState(() => knownThumbnail(item));
  useEffect(() => {
    if (url) return undefined;
    const ended = new AbortController();
    const load = () => thumbnailUrl(item, ended.signal).then(setUrl, () => {}); // the icon stays
    const timer = setTimeout(load, DELAY_MS);
    return () => {
      clearTimeout(timer);
      ended.abort();
    };
  }, []);
  if (!url) return html`<${ItemIcon} item=${item} size=${size} />`;
  return html`<img class="file-thumbnail" src=${url} alt=${t('files.file')} draggable=${false} decoding="async" referrerpolicy="no-referrer" onError=${() => setUrl('')} />`;
}
