/** Copies of signals that change less often, for views of what changes many times a second. */
import { effect, signal } from './ui.js';

/**
 * Return a copy of a signal. It follows the first change at once, and later changes at most once in `milliseconds`. A
 * computed signal is computed only then, so its cost does not grow with the number of changes.
 *
 * @template T
 * @param {import('./ui.js').Signal<T>} source
 * @param {number} milliseconds
 * @returns {import('./ui.js').Signal<T>}
 */
export function throttled(source, milliseconds) {
  const copy = signal(source.peek());
  const tick = signal(0);
  let last = -Infinity;
  effect(() => {
    void tick.value;
    const left = last + milliseconds - performance.now();
    if (left > 0) {
      // This run does not read `source`, so no change of it runs the effect before the tick.
      setTimeout(() => (tick.value += 1), left);
      return;
    }
    last = performance.now();
    copy.value = source.value;
  });
  return copy;
}
