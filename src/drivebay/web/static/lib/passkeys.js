/** Passkeys: whether this page can use them, and the dialogs of the browser that create and use one. */
import { api } from './api.js';
import { config } from './config.js';

/**
 * No passkey was created or used. `ended`: the dialog of the browser ended without a passkey. `known`: the device
 * already has a passkey of this account. `none`: the account has no passkey.
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
 * Create a passkey on this device and add it to the account.
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
 * Request the options for a login with a passkey.
 *
 * @param {string} [challenge] of a login that needs a second factor
 * @returns {Promise<any>} rejects with ApiError; the code `not_found` means that the account has no passkey
 */
export async function passkeyOptions(challenge) {
  const body = challenge === undefined ? {} : { challenge };
  return (await api('POST', '/v1/login/passkey/options', { body, anonymous: true })).public_key;
}

/**
 * Show the dialog in which the user chooses a passkey, and return the response of the device as JSON.
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
