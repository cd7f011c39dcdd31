/** URLs of the app: a table of patterns, the current location, and navigation without loading the page again. */
import { config } from './config.js';
import { signal } from './ui.js';

/**
 * @typedef {object} RouteOptions
 * @property {boolean} [public] whether the view is shown without a session
 * @property {boolean} [bare] whether the view is shown without the navigation and the search field
 *
 * @typedef {object} Match
 * @property {() => Promise<{default: Function}>} load
 * @property {Record<string, string>} params
 * @property {RouteOptions} options
 *
 * @typedef {object} Location
 * @property {string} path without the base of the deployment
 * @property {URLSearchParams} query
 * @property {string} hash
 */

/** @type {{pattern: RegExp, names: string[], load: Match['load'], options: RouteOptions}[]} */
const table = [];

/** The current location. @type {import('./ui.js').Signal<Location>} */
export const location = signal(read());

/**
 * Add a view. A pattern such as `/files/{id}` matches one segment for each name.
 *
 * @param {string} pattern
 * @param {Match['load']} load imports the module whose default export is the component
 * @param {RouteOptions} [options]
 */
export function route(pattern, load, options = {}) {
  const names = [...pattern.matchAll(/{(\w+)}/g)].map((found) => found[1]);
  const source = pattern.replace(/{\w+}/g, '([^/]+)');
  table.push({ pattern: new RegExp(`^${source}/?$`), names, load, options });
}

/**
 * Return the view of a path, or null.
 *
 * @param {string} path
 * @returns {Match | null}
 */
export function match(path) {
  for (const { pattern, names, load, options } of table) {
    const found = pattern.exec(path);
    if (found) {
      const params = Object.fromEntries(names.map((name, index) => [name, decode(found[index + 1])]));
      return { load, params, options };
    }
  }
  return null;
}

/**
 * Return the URL of a path of the app, such as `/files/root`, below the base of the deployment.
 *
 * @param {string} path
 * @returns {string}
 */
export function url(path) {
  return config.base + path;
}

/**
 * Go to a path of the app.
 *
 * @param {string} path with its query, without the base
 * @param {{replace?: boolean}} [options] `replace`: leave no entry in the history
 */
export function navigate(path, { replace = false } = {}) {
  if (replace) history.replaceState(null, '', url(path));
  else history.pushState(null, '', url(path));
  location.value = read();
  if (!replace) window.scrollTo(0, 0);
}

/** Handle the back and forward buttons of the browser, and clicks on links to views. */
export function startRouter() {
  window.addEventListener('popstate', () => (location.value = read()));
  document.addEventListener('click', (event) => {
    const link = /** @type {Element} */ (event.target).closest?.('a[href]');
    if (!(link instanceof HTMLAnchorElement) || event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (link.target || link.hasAttribute('download') || link.origin !== window.location.origin) return;
    const path = withoutBase(link.pathname);
    if (path === null || !match(path)) return;
    event.preventDefault();
    navigate(path + link.search + link.hash);
  });
}

/** @returns {Location} */
function read() {
  const { pathname, search, hash } = window.location;
  return { path: withoutBase(pathname) ?? '/', query: new URLSearchParams(search), hash };
}

/** @param {string} pathname */
function withoutBase(pathname) {
  if (!pathname.startsWith(`${config.base}/`)) return null;
  return pathname.slice(config.base.length);
}

/** @param {string} segment */
function decode(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
