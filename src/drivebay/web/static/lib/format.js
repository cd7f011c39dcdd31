/** Numbers, sizes and times in the language of the user. */
import { language } from './i18n.js';

/** Of 1,024, as in the settings, the command line and the quotas. */
const UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/**
 * @param {number} count of bytes
 * @returns {string} such as `1.4 MiB`
 */
export function bytes(count) {
  let power = 0;
  let value = count;
  while (value >= 1023.5 && power < UNITS.length) {
    value /= 1024;
    power += 1;
  }
  if (power === 0) {
    return new Intl.NumberFormat(language.value, { style: 'unit', unit: 'byte', unitDisplay: 'long' }).format(value);
  }
  const digits = value >= 99.5 ? 0 : 1;
  return `${new Intl.NumberFormat(language.value, { maximumFractionDigits: digits }).format(value)} ${UNITS[power - 1]}`;
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
