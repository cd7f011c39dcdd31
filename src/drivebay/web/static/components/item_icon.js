/** The icon of a file or folder, chosen by its kind. The name of the kind is its label for screen readers. */

import { t } from '../lib/i18n.js';
import { previewKind } from '../lib/preview_kind.js';
import { html } from '../lib/ui.js';
import { Icon } from './icon.js';

/** @type {Record<string, string>} */
const ICONS = { folder: 'folder', image: 'image', video: 'video', audio: 'audio' };

/** @param {{item: {kind: string, name: string, content_type: string, size: number}, size?: number}} props */
export function ItemIcon({ item, size = 24 }) {
  const isFolder = item.kind === 'folder';
  const kind = isFolder ? 'folder' : previewKind(item);
  return html`<span class="item-icon" data-kind=${kind}><${Icon} name=${ICONS[kind] ?? 'file'} filled=${isFolder} size=${size} /><span class="visually-hidden">${t(isFolder ? 'files.folder' : 'files.file')}</span></span>`;
}
