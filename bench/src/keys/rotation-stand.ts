import { connectBus } from '@countersign/bus';
import { startTestStack } from '@countersign/devstack';
import { openKeys, type Keys } from '@countersign/key-client';
import { createPool, withClient } from '@countersign/postgres';
import { rotationMigrationSql, startRotation, type EncryptedColumn, type Rotation } from '@countersign/rotation';
import type pg from 'pg';
import { Registry } from 'prom-client';
import { startKeys } from '../child/keys-process.js';

const DATABASE = 'rotated';
const ROLE = 'rotated_rotation';
const CONNECTIONS_MAX = 8;
/** A minute and more in a deployment; here nobody stands still between sealing a value and storing it. */
const SETTLE_SECONDS = '1';
const LEASE_SECONDS = '3';

export const FACTORS: EncryptedColumn = {
  purpose: 'identity.mfa',
  table: 'factors',
  column: 'secret',
  type: 'text',
  key: [{ column: 'factor_id', type: 'bigint' }],
  place: ({ factor_id: id }) => ({ table: 'factors', column: 'secret', row: String(id) }),
};

/** The key service with short leases, and a service with one encrypted column that keeps it under the active keys. */
export interface RotationStand {
  readonly pool: pg.Pool;
  readonly identity: Keys;
  readonly signing: Keys;
  readonly operator: Keys;
  /** Starts the worker, as each instance of the service does. */
  rotate(): Rotation;
  stop(): Promise<void>;
}

/** What had started is stopped again when it throws. */
export async function startRotationStand(): Promise<RotationStand> {
  const started: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (let end = started.pop(); end !== undefined; end = started.pop()) await end();
  };
  try {
    const devstack = await startTestStack({ durable: true });
    started.push(() => devstack.stop());
    const keys = await startKeys(devstack, [], undefined, { KEYS_LEASE_SECONDS: LEASE_SECONDS, KEYS_RETIRE_SETTLE_SECONDS: SETTLE_SECONDS, KEYS_RETIRE_DATA_KEYS_DAYS: '0' });
    started.push(() => keys.stop());
    await withClient(devstack.postgres.superuserUrl, (client) => client.query(`CREATE DATABASE ${DATABASE}`));
    const pool = createPool({ url: devstack.databaseUrl(DATABASE), max: CONNECTIONS_MAX, applicationName: 'bench' });
    started.push(() => pool.end());
    await pool.query(`CREATE TABLE factors (factor_id bigint PRIMARY KEY, secret text NOT NULL); CREATE ROLE ${ROLE}; ${rotationMigrationSql([FACTORS], ROLE)}`);
    const rotationUrl = new URL(devstack.databaseUrl(DATABASE));
    rotationUrl.searchParams.set('options', `-c role=${ROLE}`);
    const rotationPool = createPool({ url: rotationUrl.href, max: 2, applicationName: 'bench-rotation' });
    started.push(() => rotationPool.end());
    const as = async (service: string, nkeySeedFile: string): Promise<Keys> => {
      const bus = await connectBus({ url: devstack.nats.url, nkeySeedFile, name: `bench-${service}` });
      const opened = openKeys({ bus, service, nkeySeedFile, keysPublicKey: devstack.nats.publicKeys.keys });
      started.push(async () => {
        await opened.close();
        await bus.close();
      });
      return opened;
    };
    const { ledger, identity: identitySeed, operator } = devstack.nats.users;
    const identity = await as('identity', identitySeed);
    const log = { info: () => undefined, warn: (details: object, message: string) => process.stderr.write(`${message}: ${JSON.stringify(details)}\n`) };
    return {
      pool,
      identity,
      signing: await as('ledger', ledger),
      operator: await as('operator', operator),
      rotate() {
        const rotation = startRotation({ columns: [FACTORS], pool: rotationPool, keys: identity, registry: new Registry(), log, rowsPerSecondMax: 1_000_000, intervalMs: 200 });
        started.push(() => rotation.stop());
        return rotation;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
