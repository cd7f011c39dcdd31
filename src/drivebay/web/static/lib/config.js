/**
 * The settings of the deployment, which the page carries in a `meta` element.
 *
 * @typedef {object} Config
 * @property {string} base path under which the app is served, '' or such as '/drive'
 * @property {string} name name of the product
 * @property {string} color accent color, '' for the default
 * @property {boolean} signup whether people may create accounts
 * @property {boolean} passwords whether people may log in with a password
 * @property {boolean} oidc whether an identity provider is set
 * @property {string} passkey_host host name to which passkeys belong, '' for a deployment without passkeys
 * @property {boolean} mail whether the deployment sends mail
 */

/** @type {Config} */
export const config = JSON.parse(
  /** @type {HTMLMetaElement} */ (document.querySelector('meta[name=drivebay]')).content,
);
