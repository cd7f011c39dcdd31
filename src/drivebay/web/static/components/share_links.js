/** The links of an item: create a link with limits, copy its URL once, list the links, withdraw them. */

import { api } from '../lib/api.js';
import { date } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { html, useState } from '../lib/ui.js';
import { useFocusOfRegion, useKeptFocus } from '../lib/use_kept_focus.js';
import { usePages } from '../lib/use_pages.js';
import { Button } from './button.js';
import { CopyField } from './copy_field.js';
import { MoreRows } from './more_rows.js';
import { ProblemNotice } from './problem_notice.js';
import { ShareLinkForm } from './share_link_form.js';

/** @param {{file: import("./share_dialog.js").SharedItem}} props */
export function ShareLinks({ file }) {
  const query = { drive_id: file.drive_id };
  const list = usePages(`/v1/files/${file.id}/links`, query);
  const [created, setCreated] = useState(/** @type {any} */ (null));
  const rows = useKeptFocus('li');
  const [error, setError] = useState(/** @type {any} */ (null));
  const [creating, setCreating] = useState(false);
  const [busy, setBusy] = useState(false);
  const region = useFocusOfRegion([creating]);

  const create = async (/** @type {object} */ body) => {
    setError(null);
    setBusy(true);
    try {
      const link = await api('POST', `/v1/files/${file.id}/links`, { query, body });
      setCreated(link);
      setCreating(false);
      list.change((items) => [link, ...items]);
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  const withdraw = async (/** @type {any} */ link) => {
    setError(null);
    try {
      await api('DELETE', `/v1/links/${link.id}`, { query });
      list.change((items) => items.filter((/** @type {any} */ each) => each.id !== link.id));
      if (created?.id === link.id) setCreated(null);
    } catch (failure) {
      setError(failure);
    }
  };

  return html`<section aria-labelledby="share-links">
    <h3 id="share-links">${t('share.links')}</h3>
    <p class="share-note">${t(file.kind === 'folder' ? 'share.links_of_folder' : 'share.links_of_file')}</p>
    <div ref=${region}>
    ${
      created !== null &&
      html`<div class="share-created" role="status">
        <${CopyField} label=${t('share.url')} value=${created.url} />
        <p class="share-note">${t('share.shown_once')}</p>
      </div>`
    }
    ${
      creating
        ? html`<${ShareLinkForm} kind=${file.kind} busy=${busy} onCreate=${create} onCancel=${() => setCreating(false)} />`
        : html`<div class="share-actions">
            <${Button} kind=${created === null ? 'primary' : 'plain'} busy=${busy} onClick=${() => create({})}>${t('share.create')}<//>
            <${Button} onClick=${() => setCreating(true)}>${t('share.create_limited')}<//>
          </div>`
    }
    </div>
    ${error !== null && html`<${ProblemNotice} error=${error} />`}
    ${list.error !== null && html`<${ProblemNotice} error=${list.error} onRetry=${list.retry} />`}
    <ul class="item-rows" ref=${rows} aria-label=${t('share.links')}>
      ${list.items.map(
        (/** @type {any} */ link) => html`<li class="item-row" key=${link.id}>
          <div class="item-main">
            <span class="item-name" dir="auto">${link.name ?? t('share.link')}</span>
            <span class="item-note">${limitsOf(link)}</span>
          </div>
          <${Button} aria-label=${t('share.withdraw_name', { name: link.name ?? date(link.created_at) })} onClick=${() => withdraw(link)}>
            ${t('share.withdraw')}
          <//>
        </li>`,
      )}
    </ul>
    <${MoreRows} list=${list} />
  </section>`;
}

/**
 * Return the limits of a link in words.
 *
 * @param {any} link
 */
export function limitsOf(link) {
  const parts = [t('share.created', { time: date(link.created_at) })];
  parts.push(t(`share.role_${link.role}`));
  if (link.has_password) parts.push(t('share.has_password'));
  if (link.expires_at !== null) parts.push(t('share.ends', { time: date(link.expires_at) }));
  if (link.max_downloads !== null)
    parts.push(t('share.downloads_of', { count: link.downloads, max: link.max_downloads }));
  else if (link.downloads > 0) parts.push(t('share.downloads', { count: link.downloads }));
  return parts.join(' · ');
}
