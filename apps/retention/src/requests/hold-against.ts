import { mayBeAbout, namesSubjects, type Hold } from '@countersign/retention-rules';
import type { Flows } from '../parts.js';
import type { Person } from './person-holders.js';

/**
 * The hold that stands against an erasure, if one does. A key is destroyed with everything under it, so a hold over anything
 * that might be somebody's stands against all of it; one that names subjects, also by a query, stands against theirs alone. A released
 * one does so until its time of announcement is over.
 * @param persons under which names, and in whose ledgers, the person is known
 */
export function holdOver(holds: readonly Hold[], persons: readonly Person[]): Hold | undefined {
  const tenants = new Set(persons.map(({ tenant }) => tenant));
  return holds.find((hold) => (hold.organization === undefined || tenants.has(hold.organization)) && persons.some(({ subject }) => mayBeAbout(hold, subject)));
}

/** The same with the holds of this moment. */
export async function holdAgainst({ holds, announceMs, now }: Pick<Flows, 'holds' | 'announceMs' | 'now'>, persons: readonly Person[]): Promise<Hold | undefined> {
  return holdOver(await holds.rules(new Date(now().getTime() - announceMs)), persons);
}

/** What the person is shown: not which matter it is. */
export function heldReason(hold: Hold): string {
  if (namesSubjects(hold)) return 'a legal hold forbids erasing it; it is erased when the hold is over';
  return 'a legal hold over kinds of data forbids erasing some of it, and one key protects all of it; it is erased when the hold is over';
}
