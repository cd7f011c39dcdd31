/** One value that is loaded for a component, and loaded again on demand. */

import { useEffect, useState } from './ui.js';

/**
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} load
 * @param {unknown[]} inputs  a change of one of them loads again
 * @returns {{value: T | null, error: any, loading: boolean, reload: () => void, set: (value: T) => void}}
 */
export function useLoaded(load, inputs) {
  const [value, set] = useState(/** @type {T | null} */ (null));
  const [error, setError] = useState(/** @type {any} */ (null));
  const [loading, setLoading] = useState(true);
  const [round, setRound] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    setLoading(true);
    setError(null);
    load(abort.signal).then(
      (loaded) => {
        if (abort.signal.aborted) return;
        set(loaded);
        setLoading(false);
      },
      (failure) => {
        if (abort.signal.aborted) return;
        setError(failure);
        setLoading(false);
      },
    );
    return () => abort.abort();
  }, [...inputs, round]);
  return { value, error, loading, reload: () => setRound((count) => count + 1), set };
}
