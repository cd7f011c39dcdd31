/** The preview of files behind a link. A preview counts as a download of the link. */
import { openPreview } from '../components/preview.js';
import { toastError } from '../components/toast.js';
import { navigate } from './router.js';

/**
 * @typedef {{id: string, kind: "file" | "folder", name: string, size: number, content_type: string, etag?: string}} File
 *
 * @typedef {object} LinkPlace
 * @property {any} call calls the API of the link
 * @property {string} path of the page that lists the file, with its query
 * @property {(error: any) => boolean} isEnd returns whether the page shows this failure itself
 */

/** The id that stands for the only file of a link to one file. */
export const ONLY_FILE = 'shared';

/**
 * @param {File} file
 * @param {File[]} files the files between which the arrow keys move
 * @param {LinkPlace} place
 */
export function openLinkPreview(file, files, { call, path, isEnd }) {
  const sign = async (
    /** @type {File} */ { id },
    /** @type {string} */ disposition,
    /** @type {AbortSignal | undefined} */ signal,
  ) => {
    const from = id === ONLY_FILE ? '/download' : `/files/${id}/download`;
    try {
      return await call('GET', from, { query: { disposition }, signal });
    } catch (error) {
      isEnd(error);
      throw error;
    }
  };
  const pathOf = (/** @type {File} */ { id }) => `${path}${path.includes('?') ? '&' : '?'}file=${id}`;
  void openPreview(file, files, { sign, pathOf, isPublic: true }).catch(toastError);
}

/**
 * Open the preview of the file in the URL of the page. "Back" then leads to the page without the preview.
 *
 * @param {File | undefined} file
 * @param {File[]} files
 * @param {LinkPlace} place
 */
export function openFromUrl(file, files, place) {
  navigate(place.path, { replace: true });
  if (file !== undefined) openLinkPreview(file, files, place);
}
