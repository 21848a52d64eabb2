import { EdgeFault } from './edge-fault.js';

/** Deeper is nothing that any route takes, and everything that recurses over it would fail. */
export const JSON_DEPTH_MAX = 32;

/** Throws EdgeFault BODY_TOO_DEEP. Does not recurse itself. */
export function requireShallow(value: unknown): void {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > JSON_DEPTH_MAX) throw new EdgeFault('BODY_TOO_DEEP', `a body has at most ${JSON_DEPTH_MAX} levels`);
    level = level.flatMap((each) => (typeof each === 'object' && each !== null ? Object.values(each as Record<string, unknown>) : []));
  }
}
