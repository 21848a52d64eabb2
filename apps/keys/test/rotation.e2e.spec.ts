import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { KeyRing, SELF } from '../src/keyring/key-ring.js';
import type { KeysFault } from '../src/domain/keys-fault.js';
import { LogSigner, signingPurpose } from '../src/operations/log-signer.js';
import { carryOutDue, DUE_A_ROUND_MAX } from '../src/operations/lifecycle.js';
import { closeParts, openParts } from '../src/service-parts.js';
import { KeysFixture, until } from './fixture/keys-fixture.js';

const DAY_MS = 86_400_000;
const AT_ONCE = 10;
// Who is overtaken between two readings is so only now and then.
const ROUNDS = 5;

let fixture: KeysFixture;
beforeAll(async () => {
  fixture = await KeysFixture.make();
  await fixture.start();
}, 60_000);
afterAll(() => fixture.close());

describe('rotations of one key at the same moment', () => {
  it('are all answered, each with a version of its own', async () => {
    const identity = await fixture.as('identity');
    const name = { tenant: 'acme', purpose: 'identity.mfa' };
    await identity.client.ask('data-key', name);
    const operator = await fixture.as('operator');
    for (let round = 0; round < ROUNDS; round++) {
      const answers = await Promise.all(Array.from({ length: AT_ONCE }, () => operator.client.ask('rotate', name)));
      const first = 2 + round * AT_ONCE;
      expect(answers.map(({ result }) => result.version).sort((a, b) => a - b)).toEqual(Array.from({ length: AT_ONCE }, (_, i) => first + i));
      const { result } = await operator.client.ask('show', name);
      const newest = answers.find((answer) => answer.result.version === first + AT_ONCE - 1)!.result.keyId;
      expect(result.versions.map(({ keyId, state }) => [keyId, state]).at(-1)).toEqual([newest, 'active']);
    }
  });
});

describe('rotation by policy', () => {
  it('rotates what is older than its policy allows, so many a round, and nothing twice', async () => {
    const identity = await fixture.as('identity');
    const purposes = Array.from({ length: DUE_A_ROUND_MAX + 10 }, (_, i) => `identity.p${i}`);
    for (const purpose of purposes) await identity.client.ask('data-key', { tenant: 'globex', purpose });
    await identity.client.ask('blind-index-key', { tenant: 'globex', purpose: 'identity.email' });
    await fixture.stop();
    const parts = await openParts(await fixture.config());
    const { store, rows, root } = parts;
    const round = async (nowMs: number): Promise<number> => {
      let rotated = 0;
      const now = (): number => nowMs;
      await carryOutDue({ ring: new KeyRing({ store, rows, root, policy: { days: 90, uses: 0 }, now }), rows, now, rotated: () => rotated++ }, SELF);
      return rotated;
    };
    const startMs = Date.now();
    expect(await round(startMs + 89 * DAY_MS)).toBe(0);
    const dueMs = startMs + 91 * DAY_MS;
    const due = await rows.countRotationDue(new Date(dueMs));
    expect(due).toBeGreaterThan(DUE_A_ROUND_MAX + 10);
    expect(await round(dueMs)).toBe(DUE_A_ROUND_MAX);
    expect(await rows.countRotationDue(new Date(dueMs))).toBe(due - DUE_A_ROUND_MAX);
    expect(await round(dueMs)).toBe(due - DUE_A_ROUND_MAX);
    expect(await round(dueMs)).toBe(0);
    const reasons = (await fixture.audit('keys.data-key.rotated')).filter(({ data }) => data['tenant'] === 'globex').map(({ data }) => data['reason']);
    expect(reasons).toEqual(purposes.map(() => 'age'));
    expect((await rows.show({ tenant: 'globex', purpose: 'identity.email' }))?.versions.length).toBe(1);
    await closeParts(parts);
  });

  it('is not held up by a key that cannot be rotated, and counts it', async () => {
    await fixture.main.query(`CREATE FUNCTION stuck() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'stuck'; END $$;
      CREATE TRIGGER stuck BEFORE INSERT ON key_versions FOR EACH ROW WHEN (NEW.purpose = 'identity.p0') EXECUTE FUNCTION stuck()`);
    await fixture.main.query(`UPDATE key_versions SET created_at = now() - interval '91 days' WHERE tenant = 'globex' AND purpose IN ('identity.p0', 'identity.p1') AND state = 'active'`);
    const { url } = await fixture.start();
    const third = async (): Promise<string[]> => (await fixture.main.query<{ purpose: string }>(`SELECT purpose FROM key_versions WHERE tenant = 'globex' AND version = 3`)).rows.map(({ purpose }) => purpose);
    await until('rotated', async () => (await third()).includes('identity.p1'));
    expect(await third()).toEqual(['identity.p1']);
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('countersign_keys_rotation_due{service="keys"} 1');
  });
});

describe("a log's signing keys", () => {
  it('sign no more once they are destroyed, whoever held them open', async () => {
    await fixture.stop();
    await fixture.main.query('DROP TRIGGER stuck ON key_versions');
    const parts = await openParts(await fixture.config());
    const { ring, rows } = parts;
    const origin = 'ledger.example/doomed';
    const signer = new LogSigner(ring, 1);
    const code = (): Promise<string> => signer.signText(origin, 'text\n', SELF).then(() => 'none', (error: KeysFault) => error.code);
    expect(await code()).toBe('none');
    const name = { tenant: 'system', purpose: signingPurpose(origin) };
    const order = (isForced: boolean) => ring.execute(name, { type: 'schedule-destruction', waitDays: 1, isForced, atMs: Date.now() }, SELF);
    await expect(order(false)).rejects.toMatchObject({ code: 'DESTRUCTION_NOT_FORCED' });
    await order(true);
    expect(await code()).toBe('none');
    await carryOutDue({ ring, rows, now: () => Date.now() + 2 * DAY_MS, rotated: () => undefined }, SELF);
    await until('destroyed', async () => (await code()) === 'KEY_DESTROYED');
    await closeParts(parts);
  });
});
