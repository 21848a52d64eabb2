import { isAtLeast } from './period.js';
import type { Policy } from './policy.js';

/**
 * Whether putting `after` in the place of `before` (undefined: there is none, or it is removed) might have anything destroyed sooner, whatever
 * other policies there are. False is certain where owners offer the actions (a disposal that is `blocked` hides others while it is the first);
 * true is not: a disposal that is taken away may make room for a shorter one.
 */
export function shortens(before: Policy | undefined, after: Policy | undefined): boolean {
  if (before === undefined) return after?.dispose !== undefined;
  if (after === undefined || !isSameScope(before, after)) return true;
  return isKeepShorter(before, after) || isDisposalSooner(before, after);
}

const isSameScope = (a: Policy, b: Policy): boolean => a.organization === b.organization && a.type === b.type && a.dataClass === b.dataClass;

function isKeepShorter(before: Policy, after: Policy): boolean {
  if (before.keep === undefined) return false;
  if (after.keep === undefined || (before.byLaw !== undefined && after.byLaw === undefined)) return true;
  if (after.keep === 'for-ever') return false;
  return before.keep === 'for-ever' || !isAtLeast(after.keep, before.keep);
}

function isDisposalSooner({ dispose: before }: Policy, { dispose: after }: Policy): boolean {
  if (before === undefined || after === undefined) return before !== after;
  return after.action !== before.action || !isAtLeast(after.after, before.after);
}
