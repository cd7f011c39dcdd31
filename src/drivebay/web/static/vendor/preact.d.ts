/** Types of what the app uses of Preact. */
export type VNode = object | null;
export function h(type: unknown, props: object | null, ...children: unknown[]): VNode;
export function render(node: unknown, parent: Element): void;
