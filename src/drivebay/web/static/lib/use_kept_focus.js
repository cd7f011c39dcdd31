/** Keeps the focus in a list. If the row with the focus is removed, the browser moves the focus to the page. */
import { useLayoutEffect, useRef } from './ui.js';

const CONTROLS = 'button, a, input, select';

/** Whether the last list that was removed had the focus. */
let isWaiting = false;

/**
 * @typedef {object} Place where in the list the focus is
 * @property {Element[]} rows all rows
 * @property {number} row the index of the row with the focus
 * @property {number} control the index of the control in the row; -1 is the row itself
 * @property {string} id `data-id` of the row
 */

/**
 * If the row with the focus is removed, move the focus to the next row that is left: to the same control, or to the row.
 * If the list is removed, the next list gets the focus. If the list has no rows, the dialog or the view gets it.
 *
 * @param {string} rows selects the rows in the list
 * @param {(id: string) => boolean} [isScrolled] whether a row is only not rendered, by its `data-id`
 * @returns {import('./ui.js').Ref<HTMLElement | null>} for the list
 */
export function useKeptFocus(rows, isScrolled = () => false) {
  const list = useRef(/** @type {HTMLElement | null} */ (null));
  const before = placeOf(list.current, rows); // the elements are still those of the last rendering
  useLayoutEffect(() => {
    if (before !== null && isLost() && !isScrolled(before.id)) focusAt(list.current, rows, before);
  });
  useLayoutEffect(() => {
    if (isWaiting && isLost()) focusAt(list.current, rows, { rows: [], row: 0, control: -1, id: '' });
    isWaiting = false;
    return () => {
      isWaiting ||= placeOf(list.current, rows) !== null;
    };
  }, []);
  return list;
}

/** Give the view the focus of a list that was removed. For what is shown instead of a list without rows. */
export function useFocusOfRemovedList() {
  useLayoutEffect(() => {
    if (isWaiting && isLost()) focusView(null);
    isWaiting = false;
  }, []);
}

/** @returns {boolean} whether nothing has the focus */
function isLost() {
  return document.activeElement === null || document.activeElement === document.body;
}

/**
 * @param {HTMLElement | null} list
 * @param {string} rows
 * @returns {Place | null} null if the focus is not in a row of the list
 */
function placeOf(list, rows) {
  const element = document.activeElement;
  if (!list || !element || !list.contains(element)) return null;
  const row = element.closest(rows);
  if (!row) return null;
  const all = [...list.querySelectorAll(rows)];
  return {
    rows: all,
    row: all.indexOf(row),
    control: [...row.querySelectorAll(CONTROLS)].indexOf(element),
    id: row.getAttribute('data-id') ?? '',
  };
}

/**
 * @param {HTMLElement | null} list
 * @param {string} rows
 * @param {Place} before
 */
function focusAt(list, rows, { rows: all, row, control }) {
  const isLeft = (/** @type {Element} */ each) => each.isConnected;
  const nearest = [...all.slice(row).filter(isLeft), ...all.slice(0, row).filter(isLeft).reverse()];
  for (const next of nearest.length ? nearest : (list?.querySelectorAll(rows) ?? [])) {
    const controls = next.querySelectorAll(CONTROLS);
    const element = control < 0 ? next : (controls[control] ?? controls[0]);
    /** @type {HTMLElement | undefined} */ (element)?.focus();
    if (!isLost()) return;
  }
  focusView(list);
}

/**
 * Move the focus to what contains the list: the first button of the dialog or panel, or the view.
 *
 * @param {HTMLElement | null} [list]
 */
export function focusView(list = null) {
  const button = /** @type {HTMLElement | null | undefined} */ (
    list?.closest('dialog, .uploads')?.querySelector('button')
  );
  if (button) button.focus();
  else document.getElementById('main')?.focus({ preventScroll: true });
}

/**
 * Keep the focus in a region whose content is replaced by an action, such as a button by a form. If the element with the
 * focus is removed, the element with `data-autofocus` gets the focus, or else the first control.
 *
 * @param {unknown[]} inputs  a change of one of them replaces the content
 * @returns {import('./ui.js').Ref<HTMLElement | null>} for the region
 */
export function useFocusOfRegion(inputs) {
  const region = useRef(/** @type {HTMLElement | null} */ (null));
  const isFirst = useRef(true);
  useLayoutEffect(() => {
    if (!isFirst.current && isLost()) {
      const element = region.current?.querySelector('[data-autofocus]') ?? region.current?.querySelector(CONTROLS);
      /** @type {HTMLElement | null | undefined} */ (element)?.focus();
    }
    isFirst.current = false;
  }, inputs);
  return region;
}
