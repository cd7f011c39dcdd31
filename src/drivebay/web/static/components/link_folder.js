/** The public page of a link to a folder: its list, breadcrumbs, downloads, and uploads if the link allows them. */

import { save } from '../lib/downloads.js';
import { rememberFolder, trailTo } from '../lib/folder_trail.js';
import { bytes, date } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { openFromUrl, openLinkPreview } from '../lib/link_preview.js';
import { url } from '../lib/router.js';
import { html, useEffect, useState } from '../lib/ui.js';
import { usePages } from '../lib/use_pages.js';
import { Button } from './button.js';
import { Empty } from './empty.js';
import { ItemIcon } from './item_icon.js';
import { isEnd } from './link_file.js';
import { LinkFrame } from './link_frame.js';
import { LinkUpload } from './link_upload.js';
import { MoreRows } from './more_rows.js';
import { ProblemNotice } from './problem_notice.js';

/**
 * @param {{link: import("../lib/public_link.js").PublicLink, token: string, call: any, folder: string | null,
 *   opened: string | null, onEnded: (error: any) => void}} props  `opened`: the id of the file in the URL, whose preview opens
 */
export function LinkFolder({ link, token, call, folder, opened, onEnded }) {
  /** @type {ReturnType<typeof usePages<import("../lib/public_link.js").PublicFile>>} */
  const list = usePages('/files', { parent_id: folder ?? 'root', sort: 'name' }, call);
  const [failed, setFailed] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  /** Return whether the page shows the failure. A file that was deleted returns 404 too, so the link is checked. */
  const reports = (/** @type {any} */ error) => {
    if (!isEnd(error)) return false;
    call('GET', '').then(() => setFailed(error), onEnded);
    return true;
  };

  useEffect(() => {
    // A folder that was moved away returns 404 too. Only a 404 of the root means that the link has ended.
    const error = /** @type {any} */ (list.error);
    if (error !== null && isEnd(error) && folder === null) onEnded(error);
  }, [list.error, folder]);

  const path = `/s/${encodeURIComponent(token)}${folder === null ? '' : `?folder=${encodeURIComponent(folder)}`}`;
  const place = { call, path, isEnd: reports };
  useEffect(() => {
    if (opened === null || list.loading) return;
    const found = list.items.find(({ id, kind }) => id === opened && kind === 'file');
    openFromUrl(found, list.items, place);
  }, [opened, list.loading]);

  const attempt = async (/** @type {() => Promise<{url: string}>} */ sign) => {
    setFailed(null);
    setBusy(true);
    try {
      save((await sign()).url);
    } catch (error) {
      if (!reports(error)) setFailed(error);
    }
    setBusy(false);
  };
  const downloadZip = (/** @type {string} */ id) => attempt(() => call('POST', '/archives', { body: { ids: [id] } }));
  const download = (/** @type {import("../lib/public_link.js").PublicFile} */ { id, kind }) =>
    kind === 'folder' ? downloadZip(id) : attempt(() => call('GET', `/files/${id}/download`));

  const parent = folder ?? 'root';
  return html`<${LinkFrame} title=${link.name} expiresAt=${link.expires_at}>
    <${Crumbs} name=${link.name} token=${token} folder=${folder} />
    ${link.role === 'editor' && html`<${LinkUpload} call=${call} parent=${parent} onDone=${list.reload} />`}
    ${failed !== null && html`<${ProblemNotice} error=${failed} />`}
    ${list.error !== null && html`<${ProblemNotice} error=${list.error} onRetry=${list.retry} />`}
    ${
      list.items.length > 0 &&
      html`<div class="link-actions">
        <${Button} icon="download" busy=${busy} onClick=${() => downloadZip(parent)}>${t('linkPage.download_all')}<//>
      </div>`
    }
    <${Rows} list=${list} token=${token} onDownload=${download} onOpen=${(/** @type {any} */ file) => openLinkPreview(file, list.items, place)} canUpload=${link.role === 'editor'} />
  <//>`;
}

/** @param {{name: string, token: string, folder: string | null}} props */
function Crumbs({ name, token, folder }) {
  const trail = trailTo(folder);
  if (trail.length === 0) return null;
  const base = url(`/s/${encodeURIComponent(token)}`);
  return html`<nav class="crumbs" aria-label=${t('linkPage.crumbs')}>
    <ol>
      <li><a href=${base} dir="auto">${name}</a></li>
      ${trail.map((crumb, index) =>
        index === trail.length - 1
          ? html`<li><span aria-current="page" dir="auto">${crumb.name}</span></li>`
          : html`<li><a href=${`${base}?folder=${crumb.id}`} dir="auto">${crumb.name}</a></li>`,
      )}
    </ol>
  </nav>`;
}

/**
 * @param {{list: any, token: string, onDownload: (file: any) => void, onOpen: (file: any) => void,
 *   canUpload: boolean}} props
 */
function Rows({ list, token, onDownload, onOpen, canUpload }) {
  if (!list.loading && list.error === null && list.items.length === 0 && !list.hasMore) {
    return html`<${Empty}
      icon="folder"
      title=${t('linkPage.empty_title')}
      text=${t(canUpload ? 'linkPage.empty_editor' : 'linkPage.empty_viewer')}
    />`;
  }
  return html`<ul class="item-rows" aria-label=${t('linkPage.files')} aria-busy=${list.loading}>
      ${list.items.map(
        (/** @type {import("../lib/public_link.js").PublicFile} */ file) => html`<li class="item-row" key=${file.id}>
          <${ItemIcon} item=${file} />
          <div class="item-main">
            ${
              file.kind === 'folder'
                ? html`<a
                    class="item-name"
                    dir="auto"
                    href=${url(`/s/${encodeURIComponent(token)}?folder=${file.id}`)}
                    onClick=${() => rememberFolder(file)}
                    >${file.name}</a
                  >`
                : html`<button type="button" class="item-name item-open" dir="auto" onClick=${() => onOpen(file)}>${file.name}</button>`
            }
            <span class="item-note">
              ${file.kind === 'file' && html`${bytes(file.size)} · `}${date(file.modified_at)}
            </span>
          </div>
          <${Button} onClick=${() => onDownload(file)} aria-label=${t('linkPage.download_name', { name: file.name })}>
            ${t('linkPage.download')}
          <//>
        </li>`,
      )}
    </ul>
    <${MoreRows} list=${list} />`;
}
