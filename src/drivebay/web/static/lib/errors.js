/** The messages for failures, with the next step and the request id. */
import { ApiError } from './api.js';
import { fieldErrorText } from './field_errors.js';
import { t } from './i18n.js';
import { LoadError } from './load_module.js';
import { PasskeyError } from './passkeys.js';

/**
 * Return one or two sentences for a failure.
 *
 * @param {unknown} error
 * @returns {string}
 */
export function errorText(error) {
  if (error instanceof PasskeyError) return t(`error.passkey_${error.reason}`);
  if (error instanceof LoadError) return t('error.notLoaded');
  if (!(error instanceof ApiError)) return t('error.unknown');
  const key = `error.${error.code}`;
  const known = t(key, { seconds: error.retryAfter ?? 1 });
  const fields = error.errors.map(fieldErrorText).join(' ');
  const text = known === key ? fields || error.detail || t('error.unknown') : known;
  return error.requestId && error.status >= 500 ? `${text} ${t('error.request', { id: error.requestId })}` : text;
}
