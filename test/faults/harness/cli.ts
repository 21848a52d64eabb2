import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CLI_MAIN } from './places.js';
import type { ServiceProcess } from './service-process.js';
import type { NatsServer } from '@countersign/devstack';

const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** What of a stand it is told. */
interface Around {
  readonly folder: string;
  readonly nats: Pick<NatsServer, 'url' | 'users'>;
  readonly keys: { readonly publicKeyFile: string } | undefined;
}

/** Runs `countersign` as somebody does who has no local stack: everything is told by the environment, except which ledger is asked. */
export function countersign(stand: Around, ledger: ServiceProcess, ...args: readonly string[]): Promise<Ran> {
  return countersignWith(
    stand.folder,
    {
      COUNTERSIGN_LEDGER_URL: ledger.url,
      COUNTERSIGN_NATS_URL: stand.nats.url,
      COUNTERSIGN_NATS_SEED_FILE: stand.nats.users.services,
      COUNTERSIGN_OPERATOR_SEED_FILE: stand.nats.users.operator,
      COUNTERSIGN_KEYS_PUBLIC_KEY: stand.keys?.publicKeyFile ?? '',
    },
    ...args,
  );
}

/** The same with variables of one's own; what it keeps lies below the folder. */
export function countersignWith(folder: string, variables: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Ran> {
  const home = join(folder, 'home');
  mkdirSync(home, { recursive: true });
  const env = { PATH: process.env['PATH'], HOME: home, ...variables };
  return new Promise((done) => {
    execFile(process.execPath, [CLI_MAIN, ...args], { env, cwd: home, maxBuffer: OUTPUT_BYTES_MAX }, (error, out, err) => {
      done({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}
