/** A list that the API returns in pages: the first page at once, the others when the user scrolls to the end. */

import { api } from './api.js';
import { useCallback, useEffect, useRef, useState } from './ui.js';

/**
 * Load a list and keep it. A change of `path` or `query` loads it again.
 *
 * @template T
 * @param {string | null} path  null loads nothing
 * @param {Record<string, string | number | boolean | null | undefined>} [query]
 * @param {(method: string, path: string, options: object) => Promise<any>} [call]  the function that calls the API
 * @returns {{items: T[], loading: boolean, error: unknown, hasMore: boolean, more: () => void, reload: () => void,
 *   retry: () => void, change: (edit: (items: T[]) => T[]) => void}}  `retry` loads the page that failed once more
 */
export function usePages(path, query = {}, call = api) {
  const [state, setState] = useState(
    /** @type {{items: T[], cursor: string | null, loading: boolean, error: unknown}} */ (EMPTY),
  );
  const running = useRef(/** @type {AbortController | null} */ (null));
  const tried = useRef(/** @type {string | null} */ (null));
  const key = JSON.stringify([path, query]);

  const load = useCallback(
    async (/** @type {string | null} */ cursor) => {
      running.current?.abort();
      if (path === null) {
        setState({ ...EMPTY, loading: false });
        return;
      }
      const abort = new AbortController();
      running.current = abort;
      tried.current = cursor;
      setState((before) => ({ ...before, loading: true, error: null }));
      try {
        const page = await call('GET', path, { query: withoutEmpty({ ...query, cursor }), signal: abort.signal });
        if (abort.signal.aborted) return;
        setState((before) => ({
          items: cursor === null ? page.items : [...before.items, ...page.items],
          cursor: page.next_cursor ?? null,
          loading: false,
          error: null,
        }));
      } catch (error) {
        if (!abort.signal.aborted) setState((before) => ({ ...before, loading: false, error }));
      }
    },
    [key],
  );

  useEffect(() => {
    load(null);
    return () => running.current?.abort();
  }, [load]);

  // A dialog may have kept an earlier `reload`. This loads the list with the current query, and not with the earlier one.
  const latest = useRef(load);
  latest.current = load;

  return {
    items: state.items,
    loading: state.loading,
    error: state.error,
    hasMore: state.cursor !== null,
    more: () => {
      if (state.cursor !== null && !state.loading) load(state.cursor);
    },
    reload: () => latest.current(null),
    retry: () => latest.current(tried.current),
    change: (edit) => setState((before) => ({ ...before, items: edit(before.items) })),
  };
}

const EMPTY = { items: [], cursor: null, loading: true, error: null };

/** @param {Record<string, any>} query */
function withoutEmpty(query) {
  return Object.fromEntries(
    Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== ''),
  );
}
