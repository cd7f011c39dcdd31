/** The thumbnail of a file, and its icon as long as it has none. */
import { t } from '../lib/i18n.js';
import { knownThumbnail, thumbnailUrl } from '../lib/thumbnails.js';
import { html, useEffect, useState } from '../lib/ui.js';
import { ItemIcon } from './item_icon.js';

/** A tile that is scrolled past needs none. */
const DELAY_MS = 150;

/** @param {{item: any, size: number}} props give it a key of file and content */
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
