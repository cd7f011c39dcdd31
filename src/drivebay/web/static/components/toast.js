/** Short messages at the bottom of the page, with at most one action, such as undo. */

import { isSignedOut } from '../lib/access_token.js';
import { errorText } from '../lib/errors.js';
import { t } from '../lib/i18n.js';
import { LoadError, reloadPage } from '../lib/load_module.js';
import { effect, html, signal, useLayoutEffect, useRef } from '../lib/ui.js';
import { useRoom } from '../lib/use_room.js';
import { IconButton } from './button.js';

const SHOWN_MS = 8000;

/** @typedef {{id: number, text: string, kind: 'info' | 'error', action: {text: string, run: () => void} | null}} Toast */
/** @type {import('../lib/ui.js').Signal<Toast[]>} */
const toasts = signal([]);
let nextId = 1;

// A message names files, and its action belongs to the session.
effect(() => {
  if (isSignedOut.value) toasts.value = [];
});

/**
 * Show a message for some seconds. Errors stay until they are closed.
 *
 * @param {string} text
 * @param {{kind?: 'info' | 'error', action?: {text: string, run: () => void}}} [options]
 * @returns {() => void} removes the message
 */
export function toast(text, { kind = 'info', action } = {}) {
  const id = nextId++;
  toasts.value = [...toasts.value.slice(-2), { id, text, kind, action: action ?? null }];
  if (kind === 'info') setTimeout(() => remove(id), SHOWN_MS);
  return () => remove(id);
}

/** @param {unknown} error an ApiError or another failure */
export function toastError(error) {
  const reload = { action: { text: t('common.reload'), run: reloadPage } };
  toast(errorText(error), { kind: 'error', ...(error instanceof LoadError && reload) });
}

/** @param {number} id */
function remove(id) {
  toasts.value = toasts.value.filter((each) => each.id !== id);
}

/** The messages. The app renders this once. */
export function Toasts() {
  const ref = useRef(/** @type {HTMLElement | null} */ (null));
  useRoom(ref, 'messages');
  const before = useRef(/** @type {HTMLElement | null} */ (null));
  const onFocus = (/** @type {FocusEvent} */ { relatedTarget }) => {
    const from = /** @type {HTMLElement | null} */ (relatedTarget);
    if (!ref.current?.contains(from)) before.current = from;
  };
  const hadFocus = ref.current?.contains(document.activeElement);
  useLayoutEffect(() => {
    // The message with the focus was removed.
    if (!hadFocus || ref.current?.contains(document.activeElement)) return;
    const place = before.current?.isConnected ? before.current : document.getElementById('main');
    place?.focus();
  });
  return html`<div class="toasts" ref=${ref} role="status" aria-live="polite" onFocusCapture=${onFocus}>
    ${toasts.value.map(({ id, text, kind, action }) => {
      const run = () => {
        remove(id);
        action?.run();
      };
      return html`<div class="toast toast-${kind}" key=${id}>
        <span>${text}</span>
        ${action && html`<button class="toast-action" type="button" onClick=${run}>${action.text}</button>`}
        <${IconButton} icon="close" size=${16} label=${t('common.close')} onClick=${() => remove(id)} />
      </div>`;
    })}
  </div>`;
}
