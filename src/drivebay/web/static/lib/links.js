/** URLs of views for items. */
import { url } from './router.js';

/**
 * @param {string} id of a folder, or `root`
 * @param {string | null} [drive] id of its drive, null for the personal one
 * @returns {string} the URL of the view of a folder
 */
export function folderUrl(id, drive = null) {
  return url(`/files/${id}${driveQuery(drive)}`);
}

/** @param {string | null} drive */
function driveQuery(drive) {
  return drive ? `?${new URLSearchParams({ drive_id: drive })}` : '';
}
