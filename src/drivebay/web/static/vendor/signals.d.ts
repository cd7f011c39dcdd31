/** Types of what the app uses of Preact Signals. */
export interface Signal<T> {
  value: T;
  peek(): T;
}
export function computed<T>(compute: () => T): { readonly value: T; peek(): T };
export function effect(run: () => void | (() => void)): () => void;
export function signal<T>(value: T): Signal<T>;
export function useSignal<T>(value: T): Signal<T>;
