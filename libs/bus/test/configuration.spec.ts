import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { deploymentConfig, permissionsOf, rightsPage } from '@countersign/bus';
import { BUS_ACCOUNTS, BUS_RIGHTS, holderRights, holderUser, producerRights, producerUser } from '@countersign/contracts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const stored = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

describe('what is made from the declared rights', () => {
  it.each([
    ['deploy/nats/one-node.conf', () => deploymentConfig({ nodes: 1 })],
    ['deploy/nats/three-nodes.conf', () => deploymentConfig({ nodes: 3 })],
    ['docs/operations/bus-rights.md', rightsPage],
  ] as const)('is in %s as it is here (npm run bus-config)', (path, made) => {
    expect(stored(path)).toBe(made());
  });

  it('names users that there are', () => {
    const named = BUS_RIGHTS.flatMap(({ from, to }) => [from, ...to]);
    expect(named.filter((user) => !Object.hasOwn(BUS_ACCOUNTS, user))).toEqual([]);
  });

  it('lets nobody but the ledger publish what the ledger says, and nobody else but who is named take out of its streams', () => {
    const users = Object.keys(BUS_ACCOUNTS).filter((user) => user !== 'ledger');
    // Questions of retention have two words; what the ledger says has three.
    const speak = users.filter((user) => permissionsOf(user).publish.some((subject) => subject === '>' || (subject.startsWith('ledger.') && subject !== 'ledger.*')));
    const useStreams = users.filter((user) => permissionsOf(user).publish.some((subject) => subject.startsWith('$') || subject.startsWith('waiting.')));
    expect({ speak, useStreams }).toEqual({ speak: [], useStreams: ['provisioner'] });
  });

  it('holds no wildcard that reaches over all subjects, and no word with a first wildcard', () => {
    const all = Object.keys(BUS_ACCOUNTS).map((user) => permissionsOf(user)).flatMap(({ publish, subscribe }) => [...publish, ...subscribe]);
    expect(all.filter((subject) => /^[*>]/.test(subject))).toEqual([]);
  });

  it('gives each of a customers\' services an account of its own', () => {
    const users = [producerUser('billing'), holderUser('acme', 'crm')];
    const config = deploymentConfig({ nodes: 1, keys: users.map((user) => ({ user, nkey: 'UX' })), more: [...producerRights('billing'), ...holderRights('acme', 'crm')] });
    expect(config.match(/^ {2}(PRODUCER|HOLDER)\S+/gm)).toEqual(['  PRODUCER_BILLING', '  HOLDER_ACME.CRM']);
    expect(config).toContain('publish { allow: ["intake.billing.*"] }');
    expect(config).toContain('{ service: "intake.billing.*", accounts: [PRODUCER_BILLING] }');
    expect(config).toContain('publish { allow: ["holder-types.acme.crm", "_R_.>"] }');
  });
});
