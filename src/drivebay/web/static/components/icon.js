/** Icons as SVG paths on a grid of 24. An icon is decoration: the text beside it, or the label of its button, names it. */
import { html } from '../lib/ui.js';

/** @type {Record<string, string>} */
const PATHS = {
  folder: 'M3 7a2 2 0 0 1 2-2h4l2 2h8a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2z',
  file: 'M14 3H7a2 2 0 0 0-2 2v14a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2V8zM14 3v5h5',
  image:
    'M5 4h14a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1zM4 16l4.5-4.5 4 4L15 13l5 5M15.5 9h.01',
  video: 'M4 6h11v12H4zM15 10l5-3v10l-5-3',
  audio: 'M9 18V6l10-2v12M9 18a2.5 2.5 0 1 1-5 0a2.5 2.5 0 0 1 5 0zM19 16a2.5 2.5 0 1 1-5 0a2.5 2.5 0 0 1 5 0z',
  upload: 'M12 16V4M7 9l5-5 5 5M4 16v3a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1v-3',
  download: 'M12 4v12M7 11l5 5 5-5M4 19h16',
  plus: 'M12 5v14M5 12h14',
  more: 'M12 5.5h.01M12 12h.01M12 18.5h.01',
  close: 'M6 6l12 12M18 6L6 18',
  check: 'M5 12.5l4.5 4.5L19 7',
  star: 'M12 3.5l2.6 5.4 5.9.8-4.3 4.1 1 5.9-5.2-2.8-5.2 2.8 1-5.9L3.500 9.700l5.900-.8z',
  trash: 'M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5',
  edit: 'M4 20h4L19 9l-4-4L4 16z',
  move: 'M3 7a2 2 0 0 1 2-2h4l2 2h8a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2zM8 13h7M12.500 10l3 3-3 3',
  copy: 'M9 9h10v11H9zM5 15V4h10',
  share:
    'M9 12a3 3 0 1 1-6 0a3 3 0 0 1 6 0zM21 6a3 3 0 1 1-6 0a3 3 0 0 1 6 0zM21 18a3 3 0 1 1-6 0a3 3 0 0 1 6 0zM8.700 10.700l6.600-3.400M8.700 13.300l6.600 3.400',
  link: 'M10 14a4 4 0 0 0 5.700 0l3-3a4 4 0 0 0-5.700-5.700l-1 1M14 10a4 4 0 0 0-5.700 0l-3 3a4 4 0 0 0 5.700 5.700l1-1',
  people:
    'M9 11a3.500 3.500 0 1 0 0-7a3.500 3.500 0 0 0 0 7zM2.500 20a6.500 6.500 0 0 1 13 0M16 4.500a3.500 3.500 0 0 1 0 6.500M18.500 14.500a6.500 6.500 0 0 1 3 5.500',
  search: 'M11 18a7 7 0 1 1 0-14a7 7 0 0 1 0 14zM16 16l4.500 4.500',
  list: 'M4 6h16M4 12h16M4 18h16',
  grid: 'M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z',
  drive: 'M4 14l2.500-9h11l2.500 9v5a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1zM4 14h16M16.500 17h.01',
  pause: 'M8 5v14M16 5v14',
  play: 'M7 5l12 7-12 7z',
  retry: 'M20 11A8 8 0 1 0 18 17M20 5v6h-6',
  settings:
    'M12 15.500a3.500 3.500 0 1 0 0-7a3.500 3.500 0 0 0 0 7zM12 3v3M12 18v3M3 12h3M18 12h3M5.600 5.600l2.100 2.100M16.300 16.300l2.100 2.100M5.600 18.400l2.100-2.100M16.300 7.700l2.100-2.100',
  clock: 'M12 21a9 9 0 1 1 0-18a9 9 0 0 1 0 18zM12 7v5l3 3',
  info: 'M12 21a9 9 0 1 1 0-18a9 9 0 0 1 0 18zM12 11v5M12 8h.01',
  warning: 'M12 4l9 16H3zM12 10v4M12 17h.01',
  menu: 'M4 7h16M4 12h16M4 17h16',
  user: 'M12 12a4 4 0 1 0 0-8a4 4 0 0 0 0 8zM4.500 20.500a7.500 7.500 0 0 1 15 0',
  out: 'M14 4H6v16h8M10 12h10M17 9l3 3-3 3',
  shield: 'M12 3l8 3v5c0 5-3.400 8.500-8 10-4.600-1.500-8-5-8-10V6z',
  right: 'M9 5l7 7-7 7',
  left: 'M15 5l-7 7 7 7',
  up: 'M5 15l7-7 7 7',
  down: 'M5 9l7 7 7-7',
  eye: 'M2.500 12S6 5.500 12 5.500 21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12zM12 15a3 3 0 1 0 0-6a3 3 0 0 0 0 6z',
};

/** @param {{name: string, size?: number, filled?: boolean}} props */
export function Icon({ name, size = 20, filled = false }) {
  return html`<svg
    class="icon"
    width=${size}
    height=${size}
    viewBox="0 0 24 24"
    fill=${filled ? 'currentColor' : 'none'}
    stroke="currentColor"
    stroke-width=${name === 'more' ? 3 : 1.8}
    stroke-linecap="round"
    stroke-linejoin="round"
    aria-hidden="true"
  >
    <path d=${PATHS[name] ?? PATHS.file} />
  </svg>`;
}
