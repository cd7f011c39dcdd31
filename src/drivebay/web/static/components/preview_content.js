/**
 * The content of a preview: the element of the browser for the type of the file, or its text, or the reason why there
 * is no preview. A signed URL may expire while a file plays. Then the first failure signs a new URL, and the file
 * continues at the same place.
 */

import { bytes } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { MAX_TEXT, previewKind } from '../lib/preview_kind.js';
import { html, useRef, useState } from '../lib/ui.js';
import { useLoaded } from '../lib/use_loaded.js';
import { Button } from './button.js';
import { ProblemNotice } from './problem_notice.js';

let nextRound = 1;

/**
 * @typedef {(file: any, disposition: 'inline' | 'attachment', signal?: AbortSignal) => Promise<{url: string}>} Sign
 *   returns a signed URL of the bytes of a file; rejects with ApiError
 */

/** @param {{file: any, sign: Sign, onDownload: () => void}} props */
export function PreviewContent({ file, sign, onDownload }) {
  const kind = previewKind(file);
  const [broken, setBroken] = useState(false);
  /** The position of the player when its URL was renewed. */
  const renewed = useRef(/** @type {{currentTime: number, isPlaying: boolean} | null} */ (null));
  const content = useLoaded((signal) => load(file, kind, sign, signal), [file.id]);
  if (kind === 'none' || broken) {
    return html`<div class="preview-none">
      <p>${t(broken ? 'preview.broken' : 'preview.none')}</p>
      <p>${bytes(file.size)}</p>
      <${Button} kind="primary" onClick=${onDownload}>${t('views.download')}<//>
    </div>`;
  }
  if (content.error !== null) return html`<${ProblemNotice} error=${content.error} onRetry=${content.reload} />`;
  if (content.value === null) return html`<p class="preview-none" role="status">${t('common.loading')}</p>`;
  const { url, text, round } = content.value;
  const media = {
    src: url,
    onError: (/** @type {Event} */ event) => {
      if (renewed.current) return setBroken(true);
      const { currentTime = 0, paused = true } = /** @type {HTMLMediaElement} */ (event.currentTarget);
      renewed.current = { currentTime, isPlaying: !paused };
      content.reload();
    },
    onLoadedMetadata: (/** @type {{currentTarget: HTMLMediaElement}} */ { currentTarget: player }) => {
      if (!renewed.current) return;
      player.currentTime = renewed.current.currentTime;
      if (renewed.current.isPlaying) void player.play().catch(() => {});
    },
    // The new URL works. It may be renewed too when it expires.
    onTimeUpdate: (/** @type {{currentTarget: HTMLMediaElement}} */ { currentTarget: player }) => {
      if (renewed.current && player.currentTime > renewed.current.currentTime + 1) renewed.current = null;
    },
  };
  switch (kind) {
    case 'image':
      return html`<img key=${round} class="preview-image" alt=${file.name} referrerpolicy="no-referrer" src=${url} onError=${media.onError} />`;
    case 'video':
      return html`<video key=${round} class="preview-video" controls aria-label=${file.name} ...${media}></video>`;
    case 'audio':
      return html`<audio key=${round} class="preview-audio" controls aria-label=${file.name} ...${media}></audio>`;
    case 'pdf':
      return html`<iframe class="preview-pdf" src=${url} title=${file.name} referrerpolicy="no-referrer"></iframe>`;
    default:
      return html`<pre class="preview-text" tabindex="0" dir="auto">${text}</pre>`;
  }
}

/**
 * @param {any} file
 * @param {string} kind
 * @param {Sign} sign
 * @param {AbortSignal} signal
 * @returns {Promise<{url: string, text: string, round: number}>} `round` is another number each time, so that the element loads the URL again
 */
async function load(file, kind, sign, signal) {
  if (kind === 'none') return { url: '', text: '', round: 0 };
  const { url } = await sign(file, 'inline', signal);
  if (kind !== 'text') return { url, text: '', round: nextRound++ };
  const response = await fetch(url, { signal, referrerPolicy: 'no-referrer', credentials: 'omit' });
  if (!response.ok) throw new TypeError(`the store responded with the status ${response.status}`);
  const bytes = await response.arrayBuffer();
  return { url: '', round: 0, text: new TextDecoder().decode(bytes.slice(0, MAX_TEXT)) };
}
