/** The title of a view that shows one drive. */
import { loadAccess } from './drive_access.js';
import { useLoaded } from './use_loaded.js';

/**
 * Return the title with the name of the drive, if it is a shared one.
 *
 * @param {string} title
 * @param {string | null} drive null for the personal one
 * @returns {string}
 */
export function useDriveTitle(title, drive) {
  const access = useLoaded(() => loadAccess(drive, async () => []), [drive]);
  return access.value?.name ? `${title} · ${access.value.name}` : title;
}
