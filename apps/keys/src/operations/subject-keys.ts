import type { EventStore } from '@countersign/event-store';
import type { Handlers } from '../request/asker.js';
import { record } from '../request/audit.js';
import type { LeasePolicy } from './data-keys.js';
import type { SubjectGrant, SubjectStore } from './subject-store.js';

interface SubjectKeyDependencies {
  readonly store: EventStore;
  readonly subjects: SubjectStore;
  readonly lease: LeasePolicy;
}

/** Hands out subjects' keys, one counted event a request. */
export function subjectKeyHandlers({ store, subjects, lease }: SubjectKeyDependencies): Pick<Handlers, 'subject-keys' | 'subject-keys-by-id'> {
  return {
    'subject-keys': async ({ tenant, subjects: asked, mode }, asker) => {
      const { grants, created } = mode === 'encrypt' ? await subjects.lease(tenant, asked) : { grants: await subjects.find(tenant, asked), created: 0 };
      await record(store, asker, 'keys.subject-key.leased', { tenant, mode, ...counts(grants), created });
      const usesMax = mode === 'encrypt' ? lease.subjectUsesMax : 0;
      return { result: { grants: grants.map((grant, at) => ({ subject: asked[at]!, ...shown(grant) })), ttlMs: lease.ttlMs, usesMax }, keys: bytesOf(grants) };
    },
    'subject-keys-by-id': async ({ tenant, keyIds }, asker) => {
      const grants = await subjects.findById(tenant, keyIds);
      await record(store, asker, 'keys.subject-key.leased', { tenant, mode: 'decrypt', ...counts(grants), created: 0 });
      return { result: { grants: grants.map((grant, at) => ('fault' in grant ? { keyId: keyIds[at]!, fault: grant.fault } : { keyId: grant.keyId })), ttlMs: lease.ttlMs }, keys: bytesOf(grants) };
    },
  };
}

const shown = (grant: SubjectGrant) => ('fault' in grant ? { fault: grant.fault } : { keyId: grant.keyId });
const bytesOf = (grants: readonly SubjectGrant[]): Buffer[] => grants.flatMap((grant) => ('fault' in grant ? [] : [grant.bytes]));

/** What was refused of a batch stands in the event too, by its code. */
function counts(grants: readonly SubjectGrant[]): Record<string, number | Record<string, number>> {
  const refused: Record<string, number> = {};
  for (const grant of grants) if ('fault' in grant) refused[grant.fault] = (refused[grant.fault] ?? 0) + 1;
  return { asked: grants.length, granted: grants.filter((grant) => 'keyId' in grant).length, ...(Object.keys(refused).length === 0 ? {} : { refused }) };
}
