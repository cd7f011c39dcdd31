/** The email addresses of accounts, for admins. */
import { ApiError, api } from './api.js';
import { useEffect, useRef, useState } from './ui.js';

/** The maximum number of requests at once. */
const AT_ONCE = 4;

/**
 * Load the accounts with these ids, each once. Accounts that were deleted, or cannot be loaded, are left out.
 *
 * @param {(string | null)[]} ids
 * @returns {ReadonlyMap<string, string>} the email address of each account, by its id
 */
export function useAccounts(ids) {
  const [accounts, setAccounts] = useState(/** @type {ReadonlyMap<string, string>} */ (new Map()));
  const asked = useRef(/** @type {Set<string>} */ (new Set()));
  const ended = useRef(new AbortController());
  useEffect(() => () => ended.current.abort(), []);
  useEffect(() => {
    const wanted = [...new Set(ids)].filter((id) => id !== null && !asked.current.has(id));
    for (const id of wanted) asked.current.add(/** @type {string} */ (id));
    void load(/** @type {string[]} */ (wanted), setAccounts, ended.current.signal).catch(() => {}); // the ids stay
  }, [ids.join()]);
  return accounts;
}

/**
 * Return the email address of an account, or its id if the address is not known.
 *
 * @param {ReadonlyMap<string, string>} accounts
 * @param {string | null} id
 */
export function accountName(accounts, id) {
  return id === null ? '–' : (accounts.get(id) ?? id);
}

/**
 * @param {string[]} ids
 * @param {(change: (before: ReadonlyMap<string, string>) => ReadonlyMap<string, string>) => void} setAccounts
 * @param {AbortSignal} signal
 */
async function load(ids, setAccounts, signal) {
  for (let index = 0; index < ids.length; index += AT_ONCE) {
    const some = ids.slice(index, index + AT_ONCE);
    const found = await Promise.all(some.map((id) => emailOf(id, signal)));
    setAccounts((before) => new Map([...before, ...found.filter((entry) => entry !== null)]));
  }
}

/**
 * @param {string} id
 * @param {AbortSignal} signal
 * @returns {Promise<[string, string] | null>} null if the account was deleted, or the id is not that of an account
 */
async function emailOf(id, signal) {
  try {
    return [id, (await api('GET', `/v1/admin/users/${encodeURIComponent(id)}`, { signal })).email];
  } catch (error) {
    if (error instanceof ApiError && [400, 404, 422].includes(error.status)) return null;
    throw error;
  }
}
