/** Numbers, sizes and times in the language of the user. */
import { language } from './i18n.js';

/** Each unit is 1,024 times the one before, as in the settings, the command line and the quotas. */
const UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** @type {Map<string, any>} */
const formats = new Map();

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
    return numberFormat({ style: 'unit', unit: 'byte', unitDisplay: 'long' }).format(value);
  }
  const digits = value >= 99.5 ? 0 : 1;
  return `${numberFormat({ maximumFractionDigits: digits }).format(value)} ${UNITS[power - 1]}`;
}

/** @param {number} value */
export function number(value) {
  return numberFormat({}).format(value);
}

/**
 * @param {string} time of the API
 * @returns {string} the time of today, else the day
 */
export function date(time) {
  const at = new Date(time);
  const isToday = at.toDateString() === new Date().toDateString();
  return timeFormat(isToday ? { timeStyle: 'short' } : { dateStyle: 'medium' }).format(at);
}

/** @param {string} time of the API */
export function dateTime(time) {
  return timeFormat({ dateStyle: 'long', timeStyle: 'short' }).format(new Date(time));
}

/**
 * @param {number} seconds
 * @returns {string} such as `2 min` or `45 sec`
 */
export function duration(seconds) {
  const [value, unit] =
    seconds < 90 ? [seconds, 'second'] : seconds < 5400 ? [seconds / 60, 'minute'] : [seconds / 3600, 'hour'];
  const options = /** @type {const} */ ({ style: 'unit', unit, unitDisplay: 'short', maximumFractionDigits: 0 });
  return numberFormat(options).format(Math.max(1, value));
}

/**
 * @param {Intl.NumberFormatOptions} options
 * @returns {Intl.NumberFormat}
 */
function numberFormat(options) {
  return formatOf('number', options, () => new Intl.NumberFormat(language.value, options));
}

/**
 * @param {Intl.DateTimeFormatOptions} options
 * @returns {Intl.DateTimeFormat}
 */
function timeFormat(options) {
  return formatOf('time', options, () => new Intl.DateTimeFormat(language.value, options));
}

/**
 * @param {string} kind
 * @param {object} options
 * @param {() => any} make creates a formatter, which takes long: a list of files needs hundreds of results
 */
function formatOf(kind, options, make) {
  const key = `${kind} ${language.value} ${JSON.stringify(options)}`;
  const found = formats.get(key) ?? make();
  formats.set(key, found);
  return found;
}
