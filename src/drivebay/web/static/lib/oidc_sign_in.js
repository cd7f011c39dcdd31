/**
 * A sign-in with an identity provider ends only in the tab that began it. Otherwise the link of an attacker, with a code
 * of the attacker's account, would sign a person in to that account.
 */
import { apiUrl } from './api.js';
import { randomKey } from './random_key.js';
import { url } from './router.js';

const STATE_KEY = 'drivebay-oidc-state';

/**
 * Leave the page for the identity provider. The browser comes back to the sign-in page.
 *
 * @param {string} next the path to continue with
 */
export function beginOidcSignIn(next) {
  const state = randomKey();
  sessionStorage.setItem(STATE_KEY, state);
  const back = `${window.location.origin}${url(`/sign-in?${new URLSearchParams({ next, state })}`)}`;
  window.location.assign(apiUrl('/v1/oidc/login', { redirect_uri: back }));
}

/**
 * Return whether this tab began the sign-in that ends with this state. It is true once.
 *
 * @param {string | null} state
 */
export function isOwnOidcSignIn(state) {
  const begun = sessionStorage.getItem(STATE_KEY);
  sessionStorage.removeItem(STATE_KEY);
  return begun !== null && begun === state;
}
