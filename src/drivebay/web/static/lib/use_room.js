/** The height at the bottom of the window that messages and panels cover. The styles add it below lists. */
import { useEffect } from './ui.js';

/** The space below messages and panels, in pixels, as in the styles. */
const GAP = 16;

/**
 * Set the property `--{name}-room` of the styles to the height that an element covers.
 *
 * @param {import('./ui.js').Ref<HTMLElement | null>} ref
 * @param {'messages' | 'panels'} name
 */
export function useRoom(ref, name) {
  useEffect(() => {
    if (!ref.current) return;
    const observer = new ResizeObserver(([{ contentRect }]) => {
      const room = contentRect.height ? contentRect.height + GAP : 0;
      document.documentElement.style.setProperty(`--${name}-room`, `${room}px`);
    });
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
}

/** @returns {number} the height that is covered at the bottom of the window, in pixels */
export function coveredRoom() {
  return Number.parseFloat(getComputedStyle(document.documentElement).scrollPaddingBottom) || 0;
}
