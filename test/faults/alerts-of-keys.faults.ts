import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectBus, provisionBus, type BusConnection } from '@countersign/bus';
import { openKeys, type Keys } from '@countersign/key-client';
import pg from 'pg';
import { ALERT_LIMIT_MS, AlertBench, type Fault } from './harness/alert-bench.js';
import { Deployment } from './harness/deployment.js';
import { Noise } from './harness/noise.js';
import { until } from './harness/waiting.js';

/** Identity looks after its rows twice a minute. */
const ROUND_LIMIT_MS = 200_000;
/** A service reads its secrets again every four minutes. */
const SECRET_LIMIT_MS = 420_000;
const WAITING_BYTES_MAX = 1024 * 1024;
const PART_CHARS = 50_000;
const NEWER = { tenant: 'system', purpose: 'identity.newer' };
const FORGOTTEN = 'forgotten';
const MFA = { tenant: 'system', purpose: 'identity.mfa' };

let deployment: Deployment;
let bench: AlertBench;
let buses: BusConnection[];
/** As identity. */
let newer: Keys;
let noise: Noise;
let knownFile: string;
let operator: Keys;
let held: pg.Client;
let seed: string;

const personal = (subject: string, note: string): object => ({ personal: [{ subject, data: { note } }] });

/** Whom the key service knows, and the tenants for which the ledger may ask. */
function know(tenants: readonly string[] | undefined, publicKeys = deployment.stack.nats.publicKeys): void {
  const known = (['ledger', 'identity', 'retention', 'operator'] as const).map((name) => [name, { publicKey: publicKeys[name], ...(name === 'ledger' && tenants !== undefined ? { tenants } : {}) }]);
  writeFileSync(knownFile, JSON.stringify(Object.fromEntries(known)), { mode: 0o600 });
}

/** As superuser: the secret of somebody's second factor has another end, and then its own again. */
async function turnSecret(): Promise<void> {
  const client = await deployment.onDatabase('identity', 'SET session_replication_role = replica');
  const { rowCount } = await client.query("UPDATE users SET totp = regexp_replace(totp, '(.)(.)$', '\\2\\1') WHERE totp IS NOT NULL AND user_id = $1 AND right(totp, 1) <> substr(totp, length(totp) - 1, 1)", [deployment.admin.account.userId]);
  await client.end();
  expect(rowCount).toBe(1);
}

const FAULTS: readonly Fault[] = [
  {
    what: 'the epoch is to roll once a month, and rolled three days ago',
    alerts: { CountersignKeysEpochLate: { times: 300 } },
    happens: () => deployment.sql('keys_subjects', "UPDATE epoch SET rolled_at = rolled_at - interval '3 days'"),
    mend: () => operator.client.ask('roll-epoch', {}),
  },
  {
    what: 'somebody locks the keys of subjects while the epoch rolls',
    alerts: { CountersignKeysEpochStuck: { times: 300 } },
    happens: async () => {
      held = await deployment.onDatabase('keys_subjects', 'BEGIN', 'LOCK TABLE subject_keys IN EXCLUSIVE MODE');
      await operator.client.ask('roll-epoch', {});
    },
    mend: () => held.end(),
  },
  {
    what: 'a key is older than its policy allows, and the key service is no longer let record that it rotates',
    alerts: { CountersignRotationDue: { times: 300 } },
    happens: async () => {
      await deployment.sql('keys', 'REVOKE INSERT ON events FROM keys_runtime', `UPDATE keys SET rotate_after_days = 1 WHERE tenant = '${MFA.tenant}' AND purpose = '${MFA.purpose}'`, `UPDATE key_versions SET created_at = created_at - interval '3 days' WHERE tenant = '${MFA.tenant}' AND purpose = '${MFA.purpose}' AND state = 'active'`);
    },
    mend: () => deployment.sql('keys', 'GRANT INSERT ON events TO keys_runtime'),
  },
  {
    what: 'somebody locks the rows that identity is to encrypt anew',
    alerts: { CountersignRotationStuck: { times: 45 } },
    happens: async () => {
      held = await deployment.onDatabase('identity', 'BEGIN', 'SELECT user_id FROM users FOR UPDATE');
      await operator.client.ask('rotate', MFA);
    },
    mend: () => held.end(),
    limitMs: ROUND_LIMIT_MS,
  },
  {
    what: 'a secret of identity is changed in its row before its key rotates',
    alerts: { CountersignRowsUnreadable: { times: 300 } },
    happens: async () => {
      await turnSecret();
      await operator.client.ask('rotate', MFA);
    },
    mend: turnSecret,
    limitMs: ROUND_LIMIT_MS,
  },
  {
    what: 'identity goes back to a version that does not know what a newer one has encrypted, and that key rotates',
    alerts: { CountersignVersionsUnattended: { times: 300 } },
    happens: async () => {
      await newer.fields.seal(NEWER.tenant, NEWER.purpose, { table: 'later', column: 'secret', row: '1' }, Buffer.from('x'));
      await operator.client.ask('rotate', NEWER);
    },
    mend: () => until('nothing is left under the old version', ROUND_LIMIT_MS, async () => {
      await newer.client.ask('report-remaining', { ...NEWER, scanMs: 1, counts: [{ version: 1, remaining: 0 }] }).catch(() => undefined);
      await operator.client.ask('retire-version', { ...NEWER, version: 1 }).catch(() => undefined);
      const { versions } = (await operator.client.ask('show', NEWER)).result;
      return versions.every(({ state }) => state !== 'decrypt-only');
    }),
    limitMs: ROUND_LIMIT_MS,
  },
  {
    what: 'somebody confines the ledger to tenants, and forgets one',
    alerts: { CountersignMessagesStuck: { times: 10 } },
    happens: () => noise.emit(FORGOTTEN, personal('somebody', 'new')),
    mend: async () => {
      know(undefined);
      await deployment.platform.keys.stop();
      await deployment.platform.keys.start();
    },
    limitMs: ROUND_LIMIT_MS,
  },
  {
    what: 'little may wait, and the key service is killed while events of new people come',
    alerts: { CountersignWaitingNearlyFull: {} },
    happens: async () => {
      const { url, users } = deployment.stack.nats;
      await provisionBus({ url, nkeySeedFile: users.provisioner }, { waiting: { maxBytes: WAITING_BYTES_MAX } });
      await deployment.platform.keys.kill();
      for (let n = 0; n * PART_CHARS < WAITING_BYTES_MAX * 0.8; n += 1) await noise.emit('acme', personal(`new-${String(n)}`, 'x'.repeat(PART_CHARS)));
    },
    mend: () => deployment.platform.keys.start(),
  },
  {
    what: 'the file of a secret is gone',
    alerts: { CountersignSecretFailing: { times: 60 }, CountersignSecretStale: { ages: 130 } },
    happens: async () => renameSync(seed, `${seed}-away`),
    mend: async () => renameSync(`${seed}-away`, seed),
    limitMs: SECRET_LIMIT_MS,
  },
];

describe('each alert of keys and secrets', () => {
  beforeAll(async () => {
    deployment = await Deployment.open({ EDGE_LIMITS_FACTOR: '1000' }, async ({ nats, stateDir }) => {
      knownFile = join(stateDir, 'known-services.json');
      know(['system', 'home', 'acme'], nats.publicKeys);
      seed = join(stateDir, 'nats-seed-of-retention');
      writeFileSync(seed, readFileSync(nats.users.retention), { mode: 0o600 });
      return { keys: { KEYS_SERVICES_FILE: knownFile, KEYS_EPOCH_HOURS: '720', KEYS_LEASE_SECONDS: '10', KEYS_RETIRE_SETTLE_SECONDS: '1' }, retention: { RETENTION_NATS_SEED_FILE: seed } };
    });
    const { nats } = deployment.stack;
    noise = await Noise.open(nats);
    buses = await Promise.all((['operator', 'identity'] as const).map((user) => connectBus({ url: nats.url, nkeySeedFile: nats.users[user], name: user })));
    [operator, newer] = (['operator', 'identity'] as const).map((service, at) => openKeys({ bus: buses[at]!, service, nkeySeedFile: nats.users[service], keysPublicKey: nats.publicKeys.keys })) as [Keys, Keys];
    bench = await AlertBench.open(deployment, FAULTS);
  }, 240_000);
  afterAll(async () => {
    await bench.close();
    await noise.close();
    await Promise.all([operator.close(), newer.close()]);
    await Promise.all(buses.map((bus) => bus.close()));
    await deployment.close();
  }, 60_000);

  it.each(FAULTS)('$what', (fault) => bench.show(fault), ALERT_LIMIT_MS * 8);
});
