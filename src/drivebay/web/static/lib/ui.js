/** The one place that names the vendored libraries: Preact, its hooks, signals and htm. */

/**
 * @template T
 * @typedef {{value: T, peek(): T}} Signal
 */
/**
 * @template T
 * @typedef {{current: T}} Ref
 */

import htm from '../vendor/htm.js';
import { h, render } from '../vendor/preact.js';

export { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from '../vendor/preact_hooks.js';
export { computed, effect, signal, useSignal } from '../vendor/signals.js';
export { render };

/** A template literal that makes elements: html`<p class="note">${text}</p>`. Text is always text, never markup. */
export const html = htm.bind(h);
