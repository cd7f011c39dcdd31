/** The dialog with the keyboard shortcuts of the file list. */
import { t } from '../lib/i18n.js';
import { html } from '../lib/ui.js';
import { Dialog } from './dialog.js';

/** The name of each key, or the text with its name, and the text that says what the key does. */
const KEYS = [
  ['↑ ↓ ← →', 'keys.arrows'],
  ['keys.named_enter', 'keys.enter'],
  ['keys.named_space', 'keys.space'],
  ['F2', 'keys.rename'],
  ['keys.named_delete', 'keys.delete'],
  ['keys.named_all', 'keys.all'],
  ['/', 'keys.search'],
  ['?', 'keys.help'],
];

/** @param {{close: () => void}} props */
export function KeysDialog({ close }) {
  return html`<${Dialog} title=${t('keys.title')} close=${close}>
    <dl class="keys">${KEYS.map(([key, text]) => html`<dt key=${key}><kbd>${t(key)}</kbd></dt><dd>${t(text)}</dd>`)}</dl>
  <//>`;
}
