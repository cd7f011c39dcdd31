/** Light and dark, and the accent color of the deployment. */
import { config } from './config.js';

const STORAGE_KEY = 'drivebay-theme';

/** @typedef {'system' | 'light' | 'dark'} Theme */

/** @returns {Theme} the choice of the user */
export function theme() {
  const stored = localStorage.getItem(STORAGE_KEY);
  return stored === 'light' || stored === 'dark' ? stored : 'system';
}

/** @param {Theme} value */
export function setTheme(value) {
  localStorage.setItem(STORAGE_KEY, value);
  applyTheme();
}

/** Apply the choice to the document. */
export function applyTheme() {
  const chosen = theme();
  const root = document.documentElement;
  if (chosen === 'system') delete root.dataset.theme;
  else root.dataset.theme = chosen;
  if (config.color) root.style.setProperty('--brand', config.color);
}
