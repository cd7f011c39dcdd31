/** The errors of fields in the language of the user. The API sends English messages, which are recognized by their words. */
import { t } from './i18n.js';

/** A pattern of the message of the API, and the key of the text. Numbers in the message are values of the text. */
const KNOWN = /** @type {const} */ ([
  [/most common passwords/, 'fields.common'],
  [/^must have (\d+) to (\d+) /, 'fields.length'],
  [/^must have at most (\d+) /, 'fields.most'],
  [/^must be (\d+) to (\d+)$/, 'fields.range'],
  [/in the future$/, 'fields.future'],
  [/at least one character$/, 'fields.empty'],
  [/at least one scope$/, 'fields.scopes'],
  [/^names are limited to (\d+) bytes/, 'fields.long_name'],
  [/must not be '\.' or '\.\.'$/, 'fields.dots'],
  [/must not contain '\/'$/, 'fields.slash'],
  [/must not contain control characters$/, 'fields.control'],
]);

/**
 * Return a sentence about the error of a field.
 *
 * @param {{field: string, message: string}} error of the API
 */
export function fieldErrorText({ field, message }) {
  for (const [words, key] of KNOWN) {
    const found = words.exec(message);
    if (found) return t(key, { first: found[1] ?? '', second: found[2] ?? '' });
  }
  return field === 'email' ? t('fields.email') : t('fields.other', { message });
}
