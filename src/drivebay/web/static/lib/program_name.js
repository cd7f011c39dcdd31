/** Names of programs for people, from the header `User-Agent`. */
import { t } from './i18n.js';

/** The first that matches: most browsers name older ones too. @type {[RegExp, string][]} */
const BROWSERS = [
  [/\bEdg(A|iOS)?\//, 'Edge'],
  [/\b(OPR|Opera)\//, 'Opera'],
  [/\b(Firefox|FxiOS)\//, 'Firefox'],
  [/(Chrome|Chromium|CriOS)\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
];
/** @type {[RegExp, string][]} */
const SYSTEMS = [
  [/\bAndroid\b/, 'Android'],
  [/\b(iPhone|iPod)\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b/, 'macOS'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bLinux\b/, 'Linux'],
];

/**
 * Return a browser and its system in words. Other programs have the name that they send.
 *
 * @param {string} userAgent
 */
export function programName(userAgent) {
  const browser = nameIn(BROWSERS, userAgent);
  const system = nameIn(SYSTEMS, userAgent);
  if (!userAgent.startsWith('Mozilla/') || !browser) return userAgent || t('settings.unknown_program');
  return system ? t('settings.program_on', { browser, system }) : browser;
}

/**
 * @param {[RegExp, string][]} names
 * @param {string} text
 */
function nameIn(names, text) {
  return names.find(([pattern]) => pattern.test(text))?.[1];
}
