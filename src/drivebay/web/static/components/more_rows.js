/**
 * The end of a list that has more pages. It loads the next page when it comes into view, or when the user presses its
 * button. After a failure only the button loads, because the end stays in view and the requests would not stop.
 */

import { t } from '../lib/i18n.js';
import { html, useEffect, useRef } from '../lib/ui.js';
import { Button } from './button.js';

/** @param {{list: {hasMore: boolean, loading: boolean, error: unknown, more: () => void}}} props */
export function MoreRows({ list }) {
  const end = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    if (!list.hasMore || list.error !== null || end.current === null) return undefined;
    const observer = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) list.more();
    });
    observer.observe(end.current);
    return () => observer.disconnect();
  }, [list.hasMore, list.loading, list.error]);
  if (!list.hasMore) return null;
  return html`<div class="more-rows" ref=${end}>
    <${Button} onClick=${list.more} disabled=${list.loading}>${t('views.more')}<//>
  </div>`;
}
