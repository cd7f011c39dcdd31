/** The preview of a file, over the page: arrows go on to the next file, Escape closes it. */

import { isSignedOut } from '../lib/access_token.js';
import { api } from '../lib/api.js';
import { save } from '../lib/downloads.js';
import { t } from '../lib/i18n.js';
import { url } from '../lib/router.js';
import { session } from '../lib/session.js';
import { html, useEffect, useLayoutEffect, useRef, useState } from '../lib/ui.js';
import { Button } from './button.js';
import { Details } from './details.js';
import { openDialog } from './dialog.js';
import { PreviewContent } from './preview_content.js';
import { ProblemNotice } from './problem_notice.js';

/**
 * The source of the files of a preview. `pathOf` returns the path of the preview of a file in the app.
 *
 * @typedef {object} PreviewSource
 * @property {import('./preview_content.js').Sign} sign
 * @property {(file: any) => string} pathOf
 * @property {boolean} isPublic whether the preview is shown without a session and without details
 */

/** The files of the user. @type {PreviewSource} */
const OWN_FILES = {
  sign: (file, disposition, signal) =>
    api('GET', `/v1/files/${file.id}/download`, { query: { drive_id: file.drive_id, disposition }, signal }),
  pathOf: previewPath,
  isPublic: false,
};

/**
 * Open the preview. Resolves when it is closed.
 *
 * @param {any} file
 * @param {any[]} [siblings]  the files of the list, in its order; folders are left out
 * @param {PreviewSource} [source]
 * @returns {Promise<void>}
 */
export async function openPreview(file, siblings = [file], source = OWN_FILES) {
  const files = siblings.filter((each) => each.kind === 'file');
  history.pushState({ preview: true }, '', url(source.pathOf(file)));
  let isBack = false;
  const ended = new AbortController();
  const Opened = (/** @type {{close: () => void}} */ { close }) => {
    useEffect(() => {
      const onBack = () => {
        isBack = true;
        close();
      };
      addEventListener('popstate', onBack, { signal: ended.signal });
    }, []);
    return html`<${Preview} file=${file} files=${files} close=${close} source=${source} />`;
  };
  await openDialog(Opened);
  ended.abort();
  // The sign-in page has replaced the entry of the preview.
  if (!isBack && (source.isPublic || !isSignedOut.value)) history.back();
}

/**
 * The URL is that of the file while it is shown, so that it can be sent, and "back" closes the preview.
 *
 * @param {{file: any, files: any[], close: () => void, source?: PreviewSource}} props
 */
export function Preview({ file, files, close, source = OWN_FILES }) {
  const [id, setId] = useState(file.id);
  const [detailed, setDetailed] = useState(false);
  const [changed, setChanged] = useState(/** @type {any} */ (null));
  const [error, setError] = useState(/** @type {any} */ (null));
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const index = files.findIndex((each) => each.id === id);
  const listed = index < 0 ? file : files[index];
  const shown = changed?.id === id ? changed : listed;

  useLayoutEffect(() => {
    const before = /** @type {HTMLElement | null} */ (document.activeElement);
    dialog.current?.showModal();
    return () => {
      if (before?.isConnected) before.focus();
    };
  }, []);

  const go = (/** @type {number} */ step) => {
    const next = files[index + step];
    if (next !== undefined) {
      setError(null);
      setId(next.id);
      history.replaceState(history.state, '', url(source.pathOf(next)));
    }
  };
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    // A player and a text use the arrow keys themselves.
    if (event.target instanceof HTMLMediaElement || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === 'ArrowLeft') go(-1);
    else if (event.key === 'ArrowRight') go(1);
  };
  const download = async () => {
    setError(null);
    try {
      save((await source.sign(shown, 'attachment')).url);
    } catch (failure) {
      setError(failure);
    }
  };

  return html`<dialog class="preview" ref=${dialog} aria-label=${shown.name} onClose=${() => close()} onKeyDown=${onKey}>
    <header class="preview-bar">
      <h2 class="preview-name" dir="auto">${shown.name}</h2>
      <div class="preview-actions">
        ${!source.isPublic && html`<${Button} onClick=${() => setDetailed(!detailed)} aria-pressed=${detailed}>${t('preview.details')}<//>`}
        <${Button} onClick=${download}>${t('views.download')}<//>
        <${Button} onClick=${() => dialog.current?.close()}>${t('common.close')}<//>
      </div>
    </header>
    ${error !== null && html`<${ProblemNotice} error=${error} onRetry=${download} />`}
    <div class="preview-stage">
      <${Step} text="‹" label=${t('preview.previous')} disabled=${index <= 0} onClick=${() => go(-1)} />
      <div class="preview-content">
        <${PreviewContent} key=${`${shown.id} ${shown.etag}`} file=${shown} sign=${source.sign} onDownload=${download} />
      </div>
      <${Step} text="›" label=${t('preview.next')} disabled=${index < 0 || index >= files.length - 1} onClick=${() => go(1)} />
      ${detailed && html`<${Details} key=${`details-${shown.id}`} file=${shown} onChange=${setChanged} />`}
    </div>
  </dialog>`;
}

/** @param {{text: string, label: string, disabled: boolean, onClick: () => void}} props */
function Step({ text, label, disabled, onClick }) {
  return html`<button type="button" class="preview-step" aria-label=${label} title=${label} disabled=${disabled} onClick=${onClick}>
    <span aria-hidden="true">${text}</span>
  </button>`;
}

/**
 * Return the path of the preview of a file in the app.
 *
 * @param {{id: string, drive_id: string}} file
 */
function previewPath(file) {
  const drive = file.drive_id === session.value?.id ? '' : `?drive_id=${file.drive_id}`;
  return `/preview/${file.id}${drive}`;
}
