/** Handlers of inputs. */

/**
 * Return a handler that gives the value of the input to `set`.
 *
 * @param {(value: string) => void} set
 * @returns {(event: Event) => void}
 */
export function withValue(set) {
  return (event) => set(/** @type {HTMLInputElement | HTMLSelectElement} */ (event.currentTarget).value);
}
