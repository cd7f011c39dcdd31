/** A text that the user can copy, such as the URL of a link. */

import { t } from '../lib/i18n.js';
import { html, useRef, useState } from '../lib/ui.js';
import { Button } from './button.js';

/** @param {{label: string, value: string}} props */
export function CopyField({ label, value }) {
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    input.current?.select();
    try {
      await navigator.clipboard.writeText(value);
      setCopied(true);
    } catch {
      // The text stays selected, so that the keyboard can copy it. A page without HTTPS has no clipboard.
      input.current?.focus();
    }
  };
  return html`<div class="copy-field">
    <input
      class="input"
      readonly
      aria-label=${label}
      value=${value}
      ref=${input}
      onFocus=${() => input.current?.select()}
    />
    <${Button} kind="primary" onClick=${copy}>${t(copied ? 'views.copied' : 'views.copy')}<//>
  </div>`;
}
