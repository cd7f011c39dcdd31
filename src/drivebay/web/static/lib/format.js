/** Numbers, sizes and times in the language of the user. */
import { language } from './i18n.js';

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte', 'petabyte'];

/**
 * @param {number} count of bytes
 * @returns {string} such as `1.4 MB`
 */
export function bytes(count) {
  let power = 0;
  let value = count;
  while (value >= 999.5 && power < UNITS.length - 1) {
    value /= 1000;
    power += 1;
  }
  const digits = power === 0 || value >= 99.5 ? 0 : 1;
  const options = { style: 'unit', unit: UNITS[power], unitDisplay: power ? 'short' : 'long' };
  return new Intl.NumberFormat(
    language.value,
    /** @type {Intl.NumberFormatOptions} */ ({ ...options, maximumFractionDigits: digits }),
  ).format(value);
}

/** @param {number} value */
export function number(value) {
  return new Intl.NumberFormat(language.value).format(value);
}

/**
 * @param {string} time of the API
 * @returns {string} the time of today, else the day
 */
export function date(time) {
  const at = new Date(time);
  const isToday = at.toDateString() === new Date().toDateString();
  const options = isToday ? { timeStyle: 'short' } : { dateStyle: 'medium' };
  return new Intl.DateTimeFormat(language.value, /** @type {Intl.DateTimeFormatOptions} */ (options)).format(at);
}

/** @param {string} time of the API */
export function dateTime(time) {
  return new Intl.DateTimeFormat(language.value, { dateStyle: 'long', timeStyle: 'short' }).format(new Date(time));
}

/**
 * @param {number} seconds
 * @returns {string} such as `2 min` or `45 sec`
 */
export function duration(seconds) {
  const [value, unit] =
    seconds < 90 ? [seconds, 'second'] : seconds < 5400 ? [seconds / 60, 'minute'] : [seconds / 3600, 'hour'];
  return new Intl.NumberFormat(language.value, {
    style: 'unit',
    unit,
    unitDisplay: 'short',
    maximumFractionDigits: 0,
  }).format(Math.max(1, value));
}
