/** Menus at a button or at the pointer. Arrow keys move, Escape closes. */
import { isSignedOut } from '../lib/access_token.js';
import { effect, html, signal, useEffect, useLayoutEffect, useRef } from '../lib/ui.js';
import { IconButton } from './button.js';
import { Icon } from './icon.js';

/** @typedef {{text: string, icon?: string, danger?: boolean, href?: string, run?: () => void} | null} MenuItem null is a line */
/** @type {import('../lib/ui.js').Signal<{items: MenuItem[], x: number, y: number, label: string} | null>} */
const open = signal(null);

effect(() => {
  if (isSignedOut.value) open.value = null;
});

/**
 * Show a menu at a point of the window.
 *
 * @param {MenuItem[]} items
 * @param {{x: number, y: number}} at
 * @param {string} label name of the menu for screen readers
 */
export function openMenu(items, { x, y }, label) {
  open.value = { items, x, y, label };
}

/** @param {{icon: string, label: string, items: () => MenuItem[], [attribute: string]: unknown}} props */
export function MenuButton({ icon, label, items, ...rest }) {
  const show = (/** @type {MouseEvent} */ event) => {
    event.stopPropagation();
    const box = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
    openMenu(items(), { x: box.right, y: box.bottom + 4 }, label);
  };
  return html`<${IconButton} icon=${icon} label=${label} aria-haspopup="menu" onClick=${show} ...${rest} />`;
}

/** The open menu. The app renders this once. */
export function Menus() {
  return open.value && html`<${Menu} key=${`${open.value.x} ${open.value.y}`} ...${open.value} />`;
}

/** @param {{items: MenuItem[], x: number, y: number, label: string}} props */
function Menu({ items, x, y, label }) {
  const ref = useRef(/** @type {HTMLElement | null} */ (null));
  const close = () => (open.value = null);
  useLayoutEffect(() => {
    const menu = /** @type {HTMLElement} */ (ref.current);
    const { width, height } = menu.getBoundingClientRect();
    menu.style.left = `${Math.max(8, Math.min(x, window.innerWidth - width - 8))}px`;
    menu.style.top = `${Math.max(8, Math.min(y, window.innerHeight - height - 8))}px`;
  }, []);
  useEffect(() => {
    const before = /** @type {HTMLElement | null} */ (document.activeElement);
    /** @type {HTMLElement | null | undefined} */ (ref.current?.querySelector('[role=menuitem]'))?.focus();
    return () => {
      if (before?.isConnected && !document.querySelector('dialog[open]')) before.focus();
    };
  }, []);
  const choose = (/** @type {NonNullable<MenuItem>} */ item) => {
    close();
    item.run?.();
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    event.stopPropagation();
    if (event.key === 'Escape' || event.key === 'Tab') {
      event.preventDefault();
      close();
    } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      const all = /** @type {HTMLElement[]} */ ([...(ref.current?.querySelectorAll('[role=menuitem]') ?? [])]);
      const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
      all[(at + (event.key === 'ArrowDown' ? 1 : all.length - 1)) % all.length]?.focus();
    }
  };
  return html`<div class="menu-cover" onMouseDown=${close} onContextMenu=${(/** @type {Event} */ event) => event.preventDefault()}>
    <div class="menu" role="menu" aria-label=${label} ref=${ref} onKeyDown=${onKeyDown} onMouseDown=${(/** @type {Event} */ event) => event.stopPropagation()}>
      ${items.map((item, index) => (item === null ? html`<hr key=${index} role="separator" />` : html`<${Row} key=${index} item=${item} choose=${choose} close=${close} />`))}
    </div>
  </div>`;
}

/** @param {{item: NonNullable<MenuItem>, choose: (item: NonNullable<MenuItem>) => void, close: () => void}} props */
function Row({ item, choose, close }) {
  const content = html`<${Icon} name=${item.icon ?? 'right'} size=${18} /><span>${item.text}</span>`;
  const className = item.danger ? 'menu-item menu-danger' : 'menu-item';
  if (item.href)
    return html`<a class=${className} role="menuitem" tabindex="-1" href=${item.href} onClick=${close}>${content}</a>`;
  return html`<button class=${className} role="menuitem" type="button" tabindex="-1" onClick=${() => choose(item)}>${content}</button>`;
}
