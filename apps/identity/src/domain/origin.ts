export { from, type AskedFrom as Origin } from '@countersign/event-store';

/**
 * Subject of what is known about somebody who has not signed in: one a day, so that an attacker with many addresses does not make
 * as many keys, and erasing one day's strangers erases nobody else.
 * @param now ISO 8601
 */
export function strangerOf(now: string): string {
  return `stranger-${now.slice(0, 10)}`;
}
