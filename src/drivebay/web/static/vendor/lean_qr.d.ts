/** Types of the parts of lean-qr that the app uses. */
export const correction: { L: number; M: number; Q: number; H: number };
export function generate(
  text: string,
  options?: { minCorrectionLevel?: number },
): { readonly size: number; get(x: number, y: number): boolean };
