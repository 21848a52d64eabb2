import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Keys } from '@countersign/key-client';
import { KeyRing, WRAP_LEASE_USES } from '../src/keyring/key-ring.js';
import { LEASES_A_BLOCK } from '../src/operations/lease-blocks.js';
import { closeParts, openParts } from '../src/service-parts.js';
import { KeysFixture } from './fixture/keys-fixture.js';

const NAME = { tenant: 'acme', purpose: 'identity.mfa' };
const LEASE_USES = 1_000;
const BLOCK_USES = LEASES_A_BLOCK * LEASE_USES;

let fixture: KeysFixture;
let identity: Keys;
beforeAll(async () => {
  fixture = await KeysFixture.make();
  await fixture.start({ leaseUses: LEASE_USES });
  identity = await fixture.as('identity');
}, 60_000);
afterAll(() => fixture.close());

// Past its cache: each is a request.
const ask = async (name = NAME) => (await identity.client.ask('data-key', name)).result;

async function counted(keyId: string): Promise<number> {
  const { rows } = await fixture.main.query<{ uses: string }>('SELECT uses_leased AS uses FROM key_versions WHERE key_id = $1', [keyId]);
  return Number(rows[0]!.uses);
}

describe('leases of data keys', () => {
  it('are counted in blocks ahead, one for all who ask at once, and each is an event', async () => {
    const { keyId } = await ask();
    expect(await counted(keyId)).toBe(BLOCK_USES);
    await Promise.all(Array.from({ length: LEASES_A_BLOCK - 2 }, () => ask()));
    expect(await counted(keyId)).toBe(BLOCK_USES);
    await Promise.all(Array.from({ length: 5 }, () => ask()));
    expect(await counted(keyId)).toBe(2 * BLOCK_USES);
    const events = (await fixture.audit('keys.data-key.leased')).filter(({ data }) => data['keyId'] === keyId);
    expect(events.map(({ data }) => data['usesMax'])).toEqual(Array.from({ length: LEASES_A_BLOCK + 4 }, () => LEASE_USES));
  });

  it('are never fewer than were handed out: what a process had in stock is lost with it', async () => {
    const { keyId } = await ask();
    const before = await counted(keyId);
    await fixture.stop();
    await fixture.start({ leaseUses: LEASE_USES });
    expect((await ask()).keyId).toBe(keyId);
    expect(await counted(keyId)).toBe(before + BLOCK_USES);
  });

  it('end with the version: where no block is left, the key is rotated, and what was in stock of the old version is handed out no more', async () => {
    const name = { tenant: 'acme', purpose: 'identity.spent' };
    const { keyId } = await ask(name);
    await fixture.main.query('UPDATE key_versions SET uses_leased = 4294967295 - $2 WHERE key_id = $1', [keyId, BLOCK_USES - 1]);
    const next = await ask(name);
    expect([next.version, next.state]).toEqual([2, 'active']);
    expect(await counted(keyId)).toBe(4_294_967_295 - BLOCK_USES + 1);
    expect(await counted(next.keyId)).toBe(BLOCK_USES);
  });

  it('of a policy with few uses are not used up by one block', async () => {
    await fixture.stop();
    await fixture.start({ leaseUses: LEASE_USES, rotation: { days: 0, uses: 4 * LEASE_USES } });
    const name = { tenant: 'globex', purpose: 'identity.mfa' };
    const versions: number[] = [];
    for (let i = 0; i < 6; i++) versions.push((await ask(name)).version);
    expect(versions).toEqual([1, 1, 1, 1, 2, 2]);
  });
});

describe('leases of a tenant key, for wrapping', () => {
  const tenantKey = async (tenant: string) => (await (await fixture.as('operator')).client.ask('show', { tenant, purpose: 'tenant' })).result.versions.map(({ usesLeased }) => usesLeased);
  const makeKeys = async (tenant: string, from: number): Promise<void> => {
    const retention = await fixture.as('retention');
    await Promise.all(Array.from({ length: 20 }, (_, i) => retention.client.ask('data-key', { tenant, purpose: `retention.p${from + i}` })));
  };

  beforeAll(async () => {
    await fixture.stop();
    await fixture.start({ leaseUses: LEASE_USES });
  });

  it('are taken once for all who ask, and not again for whatever else becomes of its keys', async () => {
    await makeKeys('initech', 0);
    const operator = await fixture.as('operator');
    await Promise.all(Array.from({ length: 10 }, (_, i) => operator.client.ask('rotate', { tenant: 'initech', purpose: `retention.p${i % 3}` })));
    await makeKeys('initech', 20);
    expect(await tenantKey('initech')).toEqual([WRAP_LEASE_USES]);
  });

  it('follow its rotation at once', async () => {
    const operator = await fixture.as('operator');
    await operator.client.ask('rotate', { tenant: 'initech', purpose: 'tenant' });
    await makeKeys('initech', 40);
    expect((await tenantKey('initech')).slice(1)).toEqual([WRAP_LEASE_USES]);
  });

  it('outlast the time for which the database is believed', async () => {
    await fixture.stop();
    const parts = await openParts(await fixture.config());
    const { store, rows, root } = parts;
    const ring = new KeyRing({ store, rows, root, policy: { days: 0, uses: 0 }, now: Date.now, tenantKeyCacheMs: 0 });
    const first = await ring.wrappingKey('umbrella');
    expect(await ring.wrappingKey('umbrella')).toBe(first);
    expect((await rows.show({ tenant: 'umbrella', purpose: 'tenant' }))!.versions[0]!.usesLeased).toBe(WRAP_LEASE_USES);
    await closeParts(parts);
  });
});
