/** Which items of a list are selected, and which one has the focus. Positions refer to the list as it is shown. */
import { signal } from './ui.js';

/** @typedef {{id: string}} Identified */

export class Selection {
  constructor() {
    /** @type {import('./ui.js').Signal<ReadonlySet<string>>} */
    this.ids = signal(new Set());
    /** Id of the item with the focus, '' for the first. */
    this.focus = signal('');
    this.anchor = '';
  }

  /** @param {string} id */
  has(id) {
    return this.ids.value.has(id);
  }

  clear() {
    if (this.ids.value.size) this.ids.value = new Set();
  }

  /** Select one item only. @param {string} id */
  only(id) {
    this.ids.value = new Set([id]);
    this.focus.value = this.anchor = id;
  }

  /** Add or remove one item. @param {string} id */
  toggle(id) {
    const ids = new Set(this.ids.value);
    if (!ids.delete(id)) ids.add(id);
    this.ids.value = ids;
    this.focus.value = this.anchor = id;
  }

  /**
   * Select everything from the last clicked item to this one. If that item is gone, the one with the focus takes its place.
   *
   * @param {Identified[]} items
   * @param {string} id
   */
  extend(items, id) {
    const indexOf = (/** @type {string} */ wanted) => items.findIndex((item) => item.id === wanted);
    const to = indexOf(id);
    const known = [this.anchor, this.focus.value].map(indexOf).find((index) => index >= 0);
    const from = known ?? to;
    this.anchor = items[from].id;
    this.ids.value = new Set(items.slice(Math.min(from, to), Math.max(from, to) + 1).map((item) => item.id));
    this.focus.value = id;
  }

  /** @param {Identified[]} items */
  all(items) {
    this.ids.value = new Set(items.map(({ id }) => id));
  }

  /**
   * Return the selected items in the order of the list.
   *
   * @template {Identified} T
   * @param {T[]} items
   * @returns {T[]}
   */
  of(items) {
    return items.filter(({ id }) => this.ids.value.has(id));
  }
}
