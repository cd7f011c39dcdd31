/** Form fields with their label, hint and error. */
import { html } from '../lib/ui.js';

/**
 * @param {{label: string, name: string, type?: string, value?: string, error?: string, hint?: string,
 *   [attribute: string]: unknown}} props
 */
export function Field({ label, name, type = 'text', error = '', hint = '', ...rest }) {
  const id = `field-${name}`;
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ');
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <input id=${id} name=${name} type=${type} aria-invalid=${error ? 'true' : undefined} aria-describedby=${described || undefined} ...${rest} />
    ${hint && html`<p class="field-hint" id="${id}-hint">${hint}</p>`}
    ${error && html`<p class="field-error" id="${id}-error">${error}</p>`}
  </div>`;
}

/**
 * @param {{label: string, name: string, value?: string, options: [value: string, text: string][],
 *   [attribute: string]: unknown}} props
 */
export function Select({ label, name, value, options, ...rest }) {
  const id = `field-${name}`;
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <select id=${id} name=${name} value=${value} ...${rest}>
      ${options.map(([key, text]) => html`<option key=${key} value=${key} selected=${key === value}>${text}</option>`)}
    </select>
  </div>`;
}

/** @param {{label: string, name?: string, checked?: boolean, [attribute: string]: unknown}} props */
export function Checkbox({ label, name, ...rest }) {
  return html`<label class="checkbox"><input type="checkbox" name=${name} ...${rest} /> <span>${label}</span></label>`;
}

/**
 * Return the fields of a form's submit event.
 *
 * @param {Event} event its default action is prevented
 * @returns {Record<string, string>}
 */
export function formValues(event) {
  event.preventDefault();
  const values = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
  return Object.fromEntries([...values].map(([name, value]) => [name, String(value)]));
}
