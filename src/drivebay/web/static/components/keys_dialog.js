/** The dialog with the keyboard shortcuts of the file list. */
import { t } from '../lib/i18n.js';
import { html } from '../lib/ui.js';
import { Dialog } from './dialog.js';

const KEYS = [
  ['↑ ↓ ← →', 'keys.arrows'],
  ['Enter', 'keys.enter'],
  ['Space', 'keys.space'],
  ['F2', 'keys.rename'],
  ['Delete', 'keys.delete'],
  ['Ctrl A', 'keys.all'],
  ['/', 'keys.search'],
  ['?', 'keys.help'],
];

/** @param {{close: () => void}} props */
export function KeysDialog({ close }) {
  return html`<${Dialog} title=${t('keys.title')} close=${close}>
    <dl class="keys">${KEYS.map(([key, text]) => html`<dt key=${key}><kbd>${key}</kbd></dt><dd>${t(text)}</dd>`)}</dl>
  <//>`;
}
