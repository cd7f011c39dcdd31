/** Passkeys: whether this page can use them, and the dialogs of the browser that make and use one. */
import { api } from './api.js';
import { config } from './config.js';

/**
 * There is no passkey: the browser's dialog `ended` without one, the device has one of this account already (`known`),
 * or the account has `none`.
 */
export class PasskeyError extends Error {
  /** @param {'ended' | 'known' | 'none'} reason */
  constructor(reason) {
    super('no passkey');
    this.reason = reason;
  }
}

/** Whether passkeys work in this browser and at the address of this page. */
export const canUsePasskeys =
  config.passkey_host !== '' &&
  config.passkey_host === window.location.hostname &&
  'PublicKeyCredential' in window &&
  'parseCreationOptionsFromJSON' in PublicKeyCredential;

/**
 * Make a passkey on this device and add it to the account.
 *
 * @param {string} name
 * @param {{password: string, code: string}} proof
 * @returns {Promise<void>} rejects with ApiError or PasskeyError
 */
export async function addPasskey(name, proof) {
  const { public_key } = await api('POST', '/v1/me/passkeys/options', { body: proof });
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(public_key);
  const credential = await ask(() => navigator.credentials.create({ publicKey }));
  await api('POST', '/v1/me/passkeys', { body: { name, credential } });
}

/**
 * Ask for the options to use a passkey.
 *
 * @param {string} [challenge] of a login that needs a second factor
 * @returns {Promise<any>} rejects with ApiError; the code `not_found` is an account without a passkey
 */
export async function passkeyOptions(challenge) {
  const body = challenge === undefined ? {} : { challenge };
  return (await api('POST', '/v1/login/passkey/options', { body, anonymous: true })).public_key;
}

/**
 * Let the person use a passkey, and return the answer as JSON.
 *
 * @param {any} options
 * @returns {Promise<object>} rejects with PasskeyError
 */
export function usePasskey(options) {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  return ask(() => navigator.credentials.get({ publicKey }));
}

/**
 * @param {() => Promise<Credential | null>} dialog
 * @returns {Promise<object>}
 */
async function ask(dialog) {
  try {
    const credential = /** @type {PublicKeyCredential | null} */ (await dialog());
    if (credential !== null) return credential.toJSON();
  } catch (error) {
    throw new PasskeyError(error instanceof DOMException && error.name === 'InvalidStateError' ? 'known' : 'ended');
  }
  throw new PasskeyError('ended');
}
