/** Dialogs. `openDialog` shows a dialog above the page. The browser keeps the focus in the dialog until it is closed. */

import { isSignedOut } from '../lib/access_token.js';
import { errorText } from '../lib/errors.js';
import { t } from '../lib/i18n.js';
import { effect, html, signal, useLayoutEffect, useRef, useState } from '../lib/ui.js';
import { Button, IconButton } from './button.js';
import { formValues } from './field.js';

/** @type {import('../lib/ui.js').Signal<{id: number, component: Function, props: object, settle: Function}[]>} */
const dialogs = signal([]);
let nextId = 1;

// The content of a dialog belongs to the session, so the end of the session closes all dialogs.
effect(() => {
  if (!isSignedOut.value) return;
  const open = dialogs.peek();
  dialogs.value = [];
  for (const { settle } of open) settle(undefined);
});

/**
 * Show a dialog. Return the result with which it is closed, or undefined if the user dismisses it.
 *
 * @param {Function} component gets `props` and `close(result)`, and renders a `Dialog`
 * @param {object} [props]
 * @returns {Promise<any>}
 */
export function openDialog(component, props = {}) {
  return new Promise((settle) => {
    dialogs.value = [...dialogs.value, { id: nextId++, component, props, settle }];
  });
}

/** The open dialogs. The app renders this once. */
export function Dialogs() {
  return dialogs.value.map(({ id, component, props, settle }) => {
    const close = (/** @type {unknown} */ result) => {
      dialogs.value = dialogs.value.filter((each) => each.id !== id);
      settle(result);
    };
    return html`<${component} key=${id} ...${props} close=${close} />`;
  });
}

/**
 * The layout of a dialog: the title, the content and a button that closes it.
 *
 * @param {{title: string, close: (result?: any) => void, children?: unknown, wide?: boolean}} props
 */
export function Dialog({ title, close, children, wide = false }) {
  // Several dialogs can be open, and the id of each title must be unique.
  const [titleId] = useState(() => `dialog-title-${nextId++}`);
  const ref = useRef(/** @type {HTMLDialogElement | null} */ (null));
  // Open the dialog before the next paint. Until it is open, the page below gets the keys that are pressed.
  useLayoutEffect(() => {
    const dialog = ref.current;
    const before = /** @type {HTMLElement | null} */ (document.activeElement);
    dialog?.showModal();
    /** @type {HTMLElement | null | undefined} */ (dialog?.querySelector('[data-autofocus]'))?.focus();
    return () => {
      dialog?.close();
      if (before?.isConnected) before.focus();
    };
  }, []);
  const onCancel = (/** @type {Event} */ event) => {
    event.preventDefault();
    close();
  };
  const onClick = (/** @type {MouseEvent} */ event) => event.target === ref.current && close();
  return html`<dialog ref=${ref} class=${wide ? 'dialog dialog-wide' : 'dialog'} aria-labelledby=${titleId} onCancel=${onCancel} onMouseDown=${onClick}>
    <div class="dialog-body">
      <header class="dialog-header">
        <h2 id=${titleId}>${title}</h2>
        <${IconButton} icon="close" label=${t('common.close')} onClick=${() => close()} />
      </header>
      ${children}
    </div>
  </dialog>`;
}

/**
 * A dialog with a form. `onSubmit` gets the fields; the dialog closes with its result, and shows its ApiError.
 *
 * @param {{title: string, close: (result?: any) => void, submit: string, danger?: boolean, children?: unknown,
 *   onSubmit: (values: Record<string, string>) => Promise<any> | any}} props
 */
export function FormDialog({ title, close, submit, danger = false, children, onSubmit }) {
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const send = async (/** @type {Event} */ event) => {
    const values = formValues(event);
    setBusy(true);
    setError('');
    try {
      close(await onSubmit(values));
    } catch (problem) {
      setError(errorText(problem));
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${title} close=${close}>
    <form onSubmit=${send}>
      ${children}
      ${error && html`<p class="form-error" role="alert">${error}</p>`}
      <div class="dialog-buttons">
        <${Button} onClick=${() => close()}>${t('common.cancel')}<//>
        <${Button} kind=${danger ? 'danger' : 'primary'} type="submit" busy=${busy}>${submit}<//>
      </div>
    </form>
  <//>`;
}

/**
 * Ask for a confirmation.
 *
 * @param {{title: string, text: string, submit: string, danger?: boolean}} props
 * @returns {Promise<boolean>}
 */
export async function confirm({ title, text, submit, danger = false }) {
  const component = (/** @type {{close: (result?: any) => void}} */ { close }) =>
    html`<${FormDialog} title=${title} close=${close} submit=${submit} danger=${danger} onSubmit=${() => true}><p>${text}</p><//>`;
  return Boolean(await openDialog(component));
}
