/** Random values that nobody can guess. */

/** @returns {string} 128 random bits, in 32 hexadecimal digits */
export function randomKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
