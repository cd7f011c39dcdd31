/** A list that renders only the rows in view, so that it stays smooth with 100,000 rows. The window scrolls it. */
import { html, useLayoutEffect, useRef, useState } from '../lib/ui.js';
import { coveredRoom } from '../lib/use_room.js';

/** The number of rows that are rendered above and below the rows in view. */
const OVERSCAN = 8;
/** `onNearEnd` runs when fewer rows than this follow the rendered ones. */
const AHEAD = 40;
/** The height at the top of the window that is kept free above a row that is scrolled into view, in pixels. */
const TOP_ROOM = 140;

/**
 * @param {{count: number, rowHeight: number, columns?: number, renderRow: (index: number) => unknown,
 *   onNearEnd?: () => void, class?: string, [attribute: string]: unknown}} props
 * `columns` items are in one row. `renderRow` renders one item. `onNearEnd` runs before the end comes into view.
 */
export function VirtualList({ count, rowHeight, columns = 1, renderRow, onNearEnd, class: className = '', ...rest }) {
  const ref = useRef(/** @type {HTMLElement | null} */ (null));
  const [range, setRange] = useState({ first: 0, last: 60 });
  const rows = Math.ceil(count / columns);
  useLayoutEffect(() => {
    const update = () => {
      const top = -(ref.current?.getBoundingClientRect().top ?? 0);
      const first = Math.max(0, Math.floor(top / rowHeight) - OVERSCAN);
      const last = Math.max(first, Math.ceil((top + window.innerHeight) / rowHeight) + OVERSCAN);
      setRange((before) => (before.first === first && before.last === last ? before : { first, last }));
      if (last + AHEAD >= rows) onNearEnd?.();
    };
    update();
    window.addEventListener('scroll', update, { passive: true });
    window.addEventListener('resize', update);
    return () => {
      window.removeEventListener('scroll', update);
      window.removeEventListener('resize', update);
    };
  }, [rows, rowHeight, onNearEnd]);
  const first = Math.min(range.first, Math.max(0, rows - 1));
  const from = first * columns;
  const to = Math.min(count, range.last * columns);
  const items = [];
  for (let index = from; index < to; index += 1) items.push(renderRow(index));
  return html`<div ref=${ref} class="virtual ${className}" style=${{ height: `${rows * rowHeight}px` }} ...${rest}>
    <div class="virtual-rows" style=${{ transform: `translateY(${first * rowHeight}px)` }} role="presentation">${items}</div>
  </div>`;
}

/**
 * Scroll so that a row of a virtual list is in view.
 *
 * @param {HTMLElement} list the element of the list
 * @param {number} row
 * @param {number} rowHeight
 */
export function scrollToRow(list, row, rowHeight) {
  const top = list.getBoundingClientRect().top + row * rowHeight;
  // In a short window, messages and panels may cover more than the rest.
  const end = Math.max(TOP_ROOM + rowHeight, window.innerHeight - coveredRoom());
  if (top < TOP_ROOM) window.scrollBy(0, top - TOP_ROOM);
  else if (top + rowHeight > end) window.scrollBy(0, top + rowHeight - end);
}
