/**
 * Loads modules that the first view does not need. Most browsers keep a failed load until the page is loaded again, so
 * only a reload tries it again.
 */

/** A module could not be loaded, mostly because the connection was lost. */
export class LoadError extends Error {}

/**
 * @template T
 * @param {Promise<T>} module the result of `import()`
 * @returns {Promise<T>} rejects with LoadError
 */
export async function loadModule(module) {
  try {
    return await module;
  } catch (error) {
    throw new LoadError('a module could not be loaded', { cause: error });
  }
}

export function reloadPage() {
  window.location.reload();
}
