import { connectBus } from '@countersign/bus';
import { openKeys, type Keys } from '@countersign/key-client';
import { createPool } from '@countersign/postgres';
import type pg from 'pg';
import { startKeys, SUBJECTS_DATABASE } from '../child/keys-process.js';
import type { ServiceProcess } from '../child/service-process.js';
import { startStack, type BenchStack, type StackOptions } from '../stack.js';

/** Everything of {@link BenchStack}, the key service, and this process as services that ask it. */
export interface KeysStack extends BenchStack {
  readonly keys: ServiceProcess;
  /** A stack whose ledger has keys of its own and salts what is personal. */
  readonly clear: BenchStack;
  /** Encrypts fields and subjects, as the identity service does. */
  readonly identity: Keys;
  /** Has checkpoints signed. */
  readonly signing: Keys;
  readonly operator: Keys;
  /** Superuser's connections to the subjects' keys, to see how far a rewrap is. */
  readonly subjectPool: pg.Pool;
}

/** Starts all of it in a temporary folder, which `stop()` deletes. What had started is stopped again when it throws. */
export async function startKeysStack(options: StackOptions): Promise<KeysStack> {
  let keys: ServiceProcess | undefined;
  const base = await startStack({
    nodeArgs: options.nodeArgs,
    logFile: undefined,
    keys: async (on) => (keys = await startKeys(on, options.nodeArgs, options.logFile)),
  });
  const started: (() => Promise<unknown>)[] = [() => base.stop()];
  const stop = async (): Promise<void> => {
    for (let end = started.pop(); end !== undefined; end = started.pop()) await end();
  };
  const { devstack } = base;
  const asService = async (service: string, nkeySeedFile: string): Promise<Keys> => {
    const bus = await connectBus({ url: devstack.nats.url, nkeySeedFile, name: `bench-${service}` });
    const opened = openKeys({ bus, service, nkeySeedFile, keysPublicKey: devstack.nats.publicKeys.keys });
    started.push(async () => {
      await opened.close();
      await bus.close();
    });
    return opened;
  };
  try {
    if (keys === undefined) throw new Error('the key service was not started');
    // The same without the key service, idle but for the comparison.
    const clear = await startStack({ nodeArgs: [], logFile: undefined });
    started.push(() => clear.stop());
    const subjectPool = createPool({ url: devstack.databaseUrl(SUBJECTS_DATABASE), max: 1, applicationName: 'bench' });
    started.push(() => subjectPool.end());
    const { ledger, identity, operator } = devstack.nats.users;
    return { ...base, keys, clear, subjectPool, identity: await asService('identity', identity), operator: await asService('operator', operator), signing: await asService('ledger', ledger), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
