/** Whether copies run. `copies.js`, which makes copies, is loaded with the first one. */
import { signal } from './ui.js';

export const STORAGE_KEY = 'drivebay-copies';

/** Whether a copy runs or waits. */
export const isCopying = signal(false);

/** Whether there is a list of copies, or jobs were running before a reload. */
export const hasCopies = signal(sessionStorage.getItem(STORAGE_KEY) !== null);
