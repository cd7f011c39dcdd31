/** A choice of a role. */

import { t } from '../lib/i18n.js';
import { html } from '../lib/ui.js';

/**
 * @param {{roles: string[], value: string, label: string, onChange: (role: string) => void, texts?: string,
 *   disabled?: boolean}} props  `texts` is the section of the names of the roles
 */
export function RoleSelect({ roles, value, label, onChange, texts = 'views', disabled = false }) {
  const change = (/** @type {Event} */ event) => onChange(/** @type {HTMLSelectElement} */ (event.currentTarget).value);
  return html`<select class="select" aria-label=${label} value=${value} disabled=${disabled} onChange=${change}>
    ${roles.map((role) => html`<option key=${role} value=${role} selected=${role === value}>${t(`${texts}.${role}`)}</option>`)}
  </select>`;
}
