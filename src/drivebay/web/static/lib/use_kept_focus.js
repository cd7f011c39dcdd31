/** Keeps the focus in a list. If the row with the focus is removed, the browser moves the focus to the page. */
import { useLayoutEffect, useRef } from './ui.js';

const CONTROLS = 'button, a, input, select';

/** Whether the last list that was removed had the focus. */
let isWaiting = false;

/**
 * If the row with the focus is removed, move the focus to the row that takes its place: to the same control, or to the row.
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
    if (isWaiting && isLost()) focusAt(list.current, rows, { row: 0, control: -1, id: '' });
    isWaiting = false;
    return () => {
      isWaiting = placeOf(list.current, rows) !== null;
    };
  }, []);
  return list;
}

/** @returns {boolean} whether nothing has the focus */
function isLost() {
  return document.activeElement === null || document.activeElement === document.body;
}

/**
 * @param {HTMLElement | null} list
 * @param {string} rows
 * @returns {{row: number, control: number, id: string} | null} where in the list the focus is; `control` -1 is the row itself
 */
function placeOf(list, rows) {
  const element = document.activeElement;
  if (!list || !element || !list.contains(element)) return null;
  const row = element.closest(rows);
  if (!row) return null;
  return {
    row: [...list.querySelectorAll(rows)].indexOf(row),
    control: [...row.querySelectorAll(CONTROLS)].indexOf(element),
    id: row.getAttribute('data-id') ?? '',
  };
}

/**
 * @param {HTMLElement | null} list
 * @param {string} rows
 * @param {{row: number, control: number, id: string}} place
 */
function focusAt(list, rows, { row, control }) {
  const all = /** @type {NodeListOf<HTMLElement>} */ (list?.querySelectorAll(rows) ?? []);
  const next = all[Math.min(row, all.length - 1)];
  if (!next) {
    const dialog = list?.closest('dialog');
    const place = /** @type {HTMLElement | null} */ (
      dialog?.querySelector('button') ?? document.getElementById('main')
    );
    return place?.focus();
  }
  const controls = /** @type {NodeListOf<HTMLElement>} */ (next.querySelectorAll(CONTROLS));
  (controls[control] ?? next).focus();
}
