/** A QR code as an SVG image. It is black on white in the dark theme too: some scanners cannot read inverted codes. */
import { html, useMemo } from '../lib/ui.js';
import { correction, generate } from '../vendor/lean_qr.js';

/** The number of white modules on each side of the code, which scanners need. */
const MARGIN = 4;

/** @param {{text: string, label: string}} props `label` names the image for screen readers */
export function QrCode({ text, label }) {
  const { size, path } = useMemo(() => draw(text), [text]);
  return html`<svg class="qr-code" role="img" aria-label=${label} viewBox="0 0 ${size} ${size}" shape-rendering="crispEdges">
    <path d=${path} />
  </svg>`;
}

/**
 * @param {string} text
 * @returns {{size: number, path: string}} the modules of a side, with the margin, and a path with a square for each dark module
 */
function draw(text) {
  const code = generate(text, { minCorrectionLevel: correction.M });
  const sides = Array.from({ length: code.size }, (_, index) => index);
  const squares = sides.flatMap((y) =>
    sides.filter((x) => code.get(x, y)).map((x) => `M${x + MARGIN} ${y + MARGIN}h1v1h-1z`),
  );
  return { size: code.size + 2 * MARGIN, path: squares.join('') };
}
