/** A card of the settings, and a form that shows its result. */
import { formValues } from '../components/field.js';
import { t } from '../lib/i18n.js';
import { html, useState } from '../lib/ui.js';
import { Button } from './button.js';
import { ProblemNotice } from './problem_notice.js';
import { toast } from './toast.js';

/** @param {{title: string, children?: unknown}} props */
export function SettingsCard({ title, children }) {
  return html`<section class="card"><h2>${title}</h2>${children}</section>`;
}

/**
 * A form whose `send` gets the fields. `done` is the text after a success. If `clears`, the fields are then emptied.
 *
 * @param {{submit: string, done?: string, clears?: boolean, danger?: boolean, children?: unknown,
 *   send: (values: Record<string, string>) => Promise<unknown>}} props
 */
export function SettingsForm({ submit, done, clears = false, danger = false, children, send }) {
  const [error, setError] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  const onSubmit = async (/** @type {Event} */ event) => {
    const form = /** @type {HTMLFormElement} */ (event.currentTarget);
    const values = formValues(event);
    setBusy(true);
    setError(null);
    try {
      await send(values);
      if (clears) form.reset();
      if (done !== undefined) toast(done);
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  return html`<form onSubmit=${onSubmit}>
    ${children}
    ${error !== null && html`<${ProblemNotice} error=${error} />`}
    <${Button} kind=${danger ? 'danger' : 'primary'} type="submit" busy=${busy}>${submit ?? t('common.save')}<//>
  </form>`;
}
