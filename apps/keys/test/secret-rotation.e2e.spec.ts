import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createUser } from '@nats-io/nkeys';
import { closeParts, openParts } from '../src/service-parts.js';
import { codeOf, KeysFixture, until } from './fixture/keys-fixture.js';

const NEW_PASSWORD = 'rotated-password';

let fixture: KeysFixture;
beforeAll(async () => {
  fixture = await KeysFixture.make();
}, 60_000);
afterAll(() => fixture.close());

const seedOf = (user: ReturnType<typeof createUser>): string => new TextDecoder().decode(user.getSeed());

describe("a service's nkey", () => {
  it('is replaced while the list holds both keys, without a restart of the service', async () => {
    await fixture.start();
    const user = createUser();
    let seed = fixture.seedOf('retention');
    const client = (await fixture.as('retention', { nkeySeed: () => seed })).client;
    const ask = (): Promise<string> => codeOf(client.ask('data-key', { tenant: 'acme', purpose: 'retention.export' }));
    expect(await ask()).toBe('none');
    seed = seedOf(user);
    expect(await ask()).toBe('REQUEST_SIGNATURE_INVALID');
    await fixture.stop();
    fixture.known = { ...fixture.services(), retention: { publicKey: [fixture.services()['retention']!.publicKey as string, user.getPublicKey()] } };
    await fixture.start();
    expect(await ask()).toBe('none');
    seed = fixture.seedOf('retention');
    expect(await ask()).toBe('none');
  });

  it('is looked up in a list that is followed while the key service runs: what cannot be read changes nothing', async () => {
    await fixture.stop();
    const parts = await openParts(await fixture.config());
    const keysOf = (): number | undefined => parts.services().get('identity')?.publicKeys.length;
    expect(keysOf()).toBe(1);
    await writeFile(join(fixture.dir, 'services.json'), '{"identity": "no"}');
    await parts.secrets.all.refresh('KEYS_SERVICES');
    expect(keysOf()).toBe(1);
    const identity = fixture.services()['identity']!.publicKey as string;
    await writeFile(join(fixture.dir, 'services.json'), JSON.stringify({ identity: { publicKey: [identity, createUser().getPublicKey()] } }));
    await parts.secrets.all.refresh('KEYS_SERVICES');
    expect(keysOf()).toBe(2);
    expect(parts.services().has('ledger')).toBe(false);
    await closeParts(parts);
  });
});

describe('a database password', () => {
  it('is followed without a restart: who is refused reads it again', async () => {
    await fixture.stop();
    await fixture.start();
    const { client } = await fixture.as('retention');
    const ask = (): Promise<string> => codeOf(client.ask('data-key', { tenant: 'acme', purpose: 'retention.export' }));
    expect(await ask()).toBe('none');
    await fixture.main.query(`ALTER ROLE keys_runtime PASSWORD '${NEW_PASSWORD}'`);
    await writeFile(join(fixture.dir, 'database-url'), fixture.url('keys', NEW_PASSWORD));
    await writeFile(join(fixture.dir, 'subjects-url'), fixture.url('keys_subjects', NEW_PASSWORD));
    await fixture.main.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'keys_runtime'");
    await until('answered again', async () => (await ask()) === 'none');
    const ledger = await fixture.as('ledger');
    await until('answered from the other database', async () => (await codeOf(ledger.client.ask('subject-keys', { tenant: 'acme', subjects: ['usr_1'], mode: 'encrypt' }))) === 'none');
  });
});
