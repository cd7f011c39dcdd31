/** Texts in the language of the user. One language is loaded; all have the same keys. */
import { signal } from './ui.js';

export const LANGUAGES = { en: 'English', de: 'Deutsch' };
const STORAGE_KEY = 'drivebay-language';

/** @typedef {string | {one: string, other: string}} Text */
/** @type {Record<string, Text>} */
let texts = {};
/** The language in use. */
export const language = signal('en');

/** Load the chosen language, or that of the browser. */
export async function loadLanguage() {
  const wanted = [localStorage.getItem(STORAGE_KEY) ?? '', ...navigator.languages].map((tag) => tag.slice(0, 2));
  await useLanguage(wanted.find((tag) => tag in LANGUAGES) ?? 'en');
}

/**
 * Choose a language and keep the choice in this browser.
 *
 * @param {string} tag
 */
export async function setLanguage(tag) {
  localStorage.setItem(STORAGE_KEY, tag);
  await useLanguage(tag);
}

/**
 * Return a text with `{name}` replaced by values. A text with plural forms is chosen by `count`.
 *
 * @param {string} key such as `files.empty`
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  void language.value; // so a component that shows a text is rendered again, with its state, when the language changes
  const found = texts[key];
  if (found === undefined) return key;
  const text = typeof found === 'string' ? found : found[form(Number(values.count))];
  return text.replace(/{(\w+)}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** @param {number} count */
function form(count) {
  return new Intl.PluralRules(language.value).select(count) === 'one' ? 'one' : 'other';
}

/** @param {string} tag */
async function useLanguage(tag) {
  texts = (await (tag === 'de' ? import('../texts/de.js') : import('../texts/en.js'))).default;
  document.documentElement.lang = tag;
  language.value = tag;
}
