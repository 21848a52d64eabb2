import { allows, decide, PERMISSIONS, type Principal, roleSet, SCOPES, type Target } from '@countersign/access';
import { rateOf } from '../measure/rate.js';

/** Checks between two looks at the clock. */
const BATCH = 100_000;
const NS_PER_SECOND = 1e9;
const NOW_MS = 1_800_000_000_000;
const IDS = PERMISSIONS.map(({ id }) => id);
const PERMISSIONS_OF_ADMIN = roleSet('admin', 'organization');
const ADMIN: Principal = {
  kind: 'person',
  userId: 'usr_1',
  organization: 'acme',
  permissions: PERMISSIONS_OF_ADMIN,
  mfa: { needed: true, enrolled: true },
  assurance: { level: 'mfa', atMs: NOW_MS },
};
const TARGETS: readonly Target[] = [
  { userId: 'usr_1' },
  { userId: 'usr_2', organization: 'acme', assignments: 'judged-later' },
  { userId: 'usr_3', organization: 'globex', assignments: 'judged-later' },
];

/** Nanoseconds of one check, over all permissions and scopes in turn. */
export const permissionCheckNs = (seconds: number): Promise<number> => nsOf(seconds, (at) => allows(PERMISSIONS_OF_ADMIN, IDS[at % IDS.length]!, SCOPES[at % SCOPES.length]!));

export const decisionNs = (seconds: number): Promise<number> => nsOf(seconds, (at) => decide(ADMIN, IDS[at % IDS.length]!, TARGETS[at % TARGETS.length]!, NOW_MS).allowed);

async function nsOf(seconds: number, check: (at: number) => boolean): Promise<number> {
  let yes = 0;
  let all = 0;
  const { perSecond } = await rateOf(seconds, () => {
    for (let at = 0; at < BATCH; at += 1) if (check(at)) yes += 1;
    all += BATCH;
    return Promise.resolve(BATCH);
  });
  // An answer that nobody looks at need not be worked out.
  if (yes === 0 || yes === all) throw new Error('every answer was the same');
  return NS_PER_SECOND / perSecond;
}
