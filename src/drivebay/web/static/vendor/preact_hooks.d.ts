/** Types of the hooks that the app uses. */
type Cleanup = void | (() => void) | unknown;
export function useCallback<T extends Function>(callback: T, inputs: unknown[]): T;
export function useEffect(effect: () => Cleanup, inputs?: unknown[]): void;
export function useLayoutEffect(effect: () => Cleanup, inputs?: unknown[]): void;
export function useMemo<T>(factory: () => T, inputs: unknown[]): T;
export function useRef<T>(initial: T): { current: T };
export function useState<T>(initial: T | (() => T)): [T, (value: T | ((before: T) => T)) => void];
