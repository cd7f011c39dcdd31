/** Uploads on the public page of a link: drop files or choose them, see their progress, cancel or retry. */

import { errorText } from '../lib/errors.js';
import { bytes } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { LinkUploads } from '../lib/link_uploads.js';
import { html, useEffect, useMemo, useRef, useState } from '../lib/ui.js';
import { useKeptFocus } from '../lib/use_kept_focus.js';
import { Button } from './button.js';

/** @param {{call: any, parent: string, onDone: () => void, prominent?: boolean}} props */
export function LinkUpload({ call, parent, onDone, prominent = false }) {
  const done = useRef(onDone);
  done.current = onDone;
  const uploads = useMemo(() => new LinkUploads(call, () => done.current()), [call]);
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const [over, setOver] = useState(false);
  const [skipped, setSkipped] = useState(0);

  useEffect(() => {
    const warn = (/** @type {BeforeUnloadEvent} */ event) => {
      if (uploads.busy) event.preventDefault();
    };
    addEventListener('beforeunload', warn);
    return () => removeEventListener('beforeunload', warn);
  }, [uploads]);

  const drop = (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    setOver(false);
    const items = [...(event.dataTransfer?.items ?? [])].filter((item) => item.kind === 'file');
    const files = items.filter((item) => !item.webkitGetAsEntry?.()?.isDirectory).map((item) => item.getAsFile());
    setSkipped(items.length - files.length);
    uploads.add(/** @type {File[]} */ (files.filter((file) => file !== null)), parent);
  };
  const choose = (/** @type {Event} */ event) => {
    const target = /** @type {HTMLInputElement} */ (event.currentTarget);
    uploads.add([...(target.files ?? [])], parent);
    target.value = '';
  };

  return html`<section class="link-upload ${prominent ? 'is-prominent' : ''}" aria-label=${t('linkPage.upload')}>
    <div
      class="drop-zone ${over ? 'is-over' : ''}"
      onDragOver=${(/** @type {Event} */ event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave=${() => setOver(false)}
      onDrop=${drop}
    >
      <p>${t('linkPage.drop')}</p>
      <input type="file" multiple hidden ref=${input} onChange=${choose} data-testid="link-files" />
      <${Button} kind="primary" onClick=${() => input.current?.click()}>${t('linkPage.choose')}<//>
    </div>
    ${skipped > 0 && html`<p class="notice" role="status">${t('linkPage.no_folders')}</p>`}
    <${UploadRows} uploads=${uploads} />
  </section>`;
}

/** @param {{uploads: LinkUploads}} props */
function UploadRows({ uploads }) {
  const items = uploads.items.value;
  const rows = useKeptFocus('li');
  if (items.length === 0) return null;
  const finished = items.filter((item) => item.state === 'done').length;
  return html`<p class="link-note" role="status">${t('linkPage.uploaded', { done: finished, all: items.length })}</p>
    <ul class="item-rows" ref=${rows} aria-label=${t('linkPage.uploads')}>
      ${items.map(
        (item) => html`<li class="item-row" key=${item.key} data-state=${item.state}>
          <div class="item-main">
            <span class="item-name" dir="auto">${item.file.name}</span>
            <span class="item-note">${noteOf(item)}</span>
            ${
              item.state === 'sending' &&
              html`<progress
                max=${Math.max(1, item.file.size)}
                value=${item.sent}
                aria-label=${t('linkPage.progress_of', { name: item.file.name })}
              ></progress>`
            }
          </div>
          ${
            (item.state === 'waiting' || item.state === 'sending') &&
            html`<${Button} aria-label=${`${t('common.cancel')}: ${item.file.name}`} onClick=${() => uploads.cancel(item.key)}>${t('common.cancel')}<//>`
          }
          ${
            (item.state === 'failed' || item.state === 'cancelled') &&
            html`<${Button} aria-label=${`${t('common.retry')}: ${item.file.name}`} onClick=${() => uploads.retry(item.key)}>${t('common.retry')}<//>`
          }
        </li>`,
      )}
    </ul>`;
}

/** @param {import("../lib/link_uploads.js").LinkUpload} item */
function noteOf(item) {
  if (item.state === 'failed') return errorText(item.error);
  if (item.state === 'sending') return `${bytes(item.sent)} / ${bytes(item.file.size)}`;
  return t(`linkPage.state_${item.state}`);
}
