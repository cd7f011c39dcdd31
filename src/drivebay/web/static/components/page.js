/** The layout of the app: navigation, search, account menu, and the heading of a view. */

import { config } from '../lib/config.js';
import { partialDrives } from '../lib/drive_access.js';
import { bytes } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { loadModule } from '../lib/load_module.js';
import { location, navigate, url } from '../lib/router.js';
import { session, signOut } from '../lib/session.js';
import { html, useEffect, useRef, useState } from '../lib/ui.js';
import { IconButton } from './button.js';
import { openDialog } from './dialog.js';
import { Icon } from './icon.js';
import { MenuButton } from './menu.js';
import { Progress } from './progress.js';
import { toastError } from './toast.js';

/** A search starts after a pause of this length in typing. */
const PAUSE_MS = 150;

/** @typedef {[path: string, icon: string, text: string, isOfDrive: boolean]} Entry */
/** The entries of the navigation. @type {Entry[]} */
const NAVIGATION = [
  ['/files/root', 'folder', 'nav.files', false],
  ['/shared', 'people', 'nav.shared', false],
  ['/drives', 'drive', 'nav.drives', false],
  ['/starred', 'star', 'nav.starred', true],
  ['/links', 'link', 'nav.links', true],
  ['/trash', 'trash', 'nav.trash', true],
];

/** @param {{children?: unknown}} props */
export function Shell({ children }) {
  const [isOpen, setOpen] = useState(false);
  const { path, query } = location.value;
  const drive = query.get('drive_id');
  // Of a drive of which only some items are shared, the user sees neither trash nor links.
  const isPartial = drive !== null && partialDrives.value.has(drive);
  const place = drive && !isPartial ? `?${new URLSearchParams({ drive_id: drive })}` : '';
  const folders = !drive ? '/files/root' : isPartial ? '/shared' : '/drives';
  useEffect(() => setOpen(false), [path]);
  const onKeyDown = (/** @type {KeyboardEvent} */ { key, currentTarget }) => {
    if (key !== 'Escape' || !isOpen) return;
    setOpen(false);
    // The entries are hidden now.
    /** @type {HTMLElement | null} */ (
      /** @type {HTMLElement} */ (currentTarget).querySelector('.topbar-menu button')
    )?.focus();
  };
  useEffect(() => {
    document.addEventListener('keydown', onGlobalKey);
    return () => document.removeEventListener('keydown', onGlobalKey);
  }, []);
  return html`<a class="skip" href="#main">${t('nav.skip')}</a>
    <div class=${isOpen ? 'shell shell-open' : 'shell'} onKeyDown=${onKeyDown}>
      <header class="topbar">
        <span class="topbar-menu"><${IconButton} icon="menu" label=${t('nav.menu')} aria-expanded=${isOpen} onClick=${() => setOpen(!isOpen)} /></span>
        <a class="brand" aria-label=${config.name} href=${url('/files/root')}><${Icon} name="folder" filled size=${26} /><span>${config.name}</span></a>
        <${SearchField} />
        <${MenuButton} icon="user" label=${t('nav.account')} items=${accountItems} />
      </header>
      <nav class="sidebar" aria-label=${t('nav.label')}>
        ${NAVIGATION.map(([to, icon, key, isOfDrive]) => html`<a key=${to} class="nav-item" href=${url(isOfDrive ? to + place : to)} aria-current=${isCurrent(path, to, folders) ? 'page' : undefined}><${Icon} name=${icon} /><span>${t(key)}</span></a>`)}
        <${Usage} />
      </nav>
      <div class="shell-cover" onClick=${() => setOpen(false)}></div>
      <main id="main" tabindex="-1">${children}</main>
    </div>`;
}

/**
 * The heading of a view, with its actions. It sets the title of the document.
 *
 * @param {{title: string, children?: unknown, hidden?: boolean}} props `hidden`: for screen readers only
 */
export function PageHeader({ title, children, hidden = false }) {
  useEffect(() => {
    document.title = `${title} – ${config.name}`;
  }, [title]);
  return html`<header class="page-header"><h1 class=${hidden ? 'visually-hidden' : ''}>${title}</h1>${children}</header>`;
}

/** @param {KeyboardEvent} event */
function onGlobalKey(event) {
  const isTyping = /** @type {Element} */ (event.target).closest(
    'input:not([type=checkbox]), textarea, select, dialog',
  );
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === '/') document.getElementById('search')?.focus();
  else if (event.key === '?') void showKeys().catch(toastError);
  else return;
  event.preventDefault();
}

async function showKeys() {
  const { KeysDialog } = await loadModule(import('./keys_dialog.js'));
  await openDialog(KeysDialog);
}

function SearchField() {
  const { path, query } = location.value;
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const timer = useRef(0);
  const isSearch = path === '/search';
  const q = isSearch ? (query.get('q') ?? '') : '';
  useEffect(() => {
    // The field follows the URL, but not while a person types in it.
    if (input.current && document.activeElement !== input.current) input.current.value = q;
  }, [q]);
  const search = () => {
    clearTimeout(timer.current);
    const wanted = input.current?.value.trim() ?? '';
    const next = new URLSearchParams(isSearch ? query : undefined);
    const drive = query.get('drive_id');
    if (drive) next.set('drive_id', drive);
    if (wanted === (next.get('q') ?? '')) return;
    next.set('q', wanted);
    navigate(`/search?${next}`, { replace: isSearch });
  };
  const onInput = () => {
    clearTimeout(timer.current);
    timer.current = setTimeout(search, PAUSE_MS);
  };
  const onSubmit = (/** @type {Event} */ event) => {
    event.preventDefault();
    search();
  };
  return html`<form class="search" role="search" onSubmit=${onSubmit}>
    <${Icon} name="search" size=${18} />
    <input type="search" name="q" id="search" ref=${input} aria-label=${t('nav.search')} placeholder=${t('nav.search')} autocomplete="off" onInput=${onInput} />
  </form>`;
}

function Usage() {
  const usage = session.value?.usage;
  if (!usage) return null;
  const used = usage.used_bytes + usage.reserved_bytes;
  const text = t('nav.usage', { used: bytes(used), limit: bytes(usage.limit_bytes) });
  return html`<div class="usage"><${Progress} fraction=${used / usage.limit_bytes} label=${t('nav.storage')} /><p>${text}</p></div>`;
}

function accountItems() {
  const user = session.value;
  return [
    { text: t('nav.settings'), icon: 'settings', href: url('/settings') },
    ...(user?.role === 'admin' ? [{ text: t('nav.admin'), icon: 'shield', href: url('/admin') }] : []),
    null,
    { text: t('nav.signOut', { email: user?.email ?? '' }), icon: 'out', run: () => void signOut().catch(toastError) },
  ];
}

/**
 * @param {string} path
 * @param {string} to
 * @param {string} folders the path of the entry that is current while a folder is shown
 */
function isCurrent(path, to, folders) {
  return path.startsWith('/files/') ? to === folders : path === to || path.startsWith(`${to}/`);
}
