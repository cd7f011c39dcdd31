/** Buttons. */
import { html } from '../lib/ui.js';
import { Icon } from './icon.js';

/**
 * A button with a text. `busy` shows that its action runs and prevents a second one. It is not disabled then, because a
 * disabled button loses the focus.
 *
 * @param {{kind?: 'primary' | 'plain' | 'danger', icon?: string, busy?: boolean, type?: string, children?: unknown,
 *   disabled?: boolean, [attribute: string]: unknown}} props
 */
export function Button({ kind = 'plain', icon, busy = false, type = 'button', disabled = false, children, ...rest }) {
  const refuse = (/** @type {Event} */ event) => event.preventDefault();
  const state = busy ? { 'aria-busy': true, 'aria-disabled': true, onClick: refuse } : {};
  return html`<button class="button button-${kind}" type=${type} disabled=${disabled} ...${rest} ...${state}>
    ${icon && html`<${Icon} name=${icon} size=${18} />`}<span>${children}</span>
  </button>`;
}

/**
 * A button that shows only an icon. `label` is its name for screen readers, and its tooltip.
 *
 * @param {{icon: string, label: string, filled?: boolean, size?: number, [attribute: string]: unknown}} props
 */
export function IconButton({ icon, label, filled = false, size = 20, ...rest }) {
  return html`<button class="icon-button" type="button" aria-label=${label} title=${label} ...${rest}>
    <${Icon} name=${icon} filled=${filled} size=${size} />
  </button>`;
}
