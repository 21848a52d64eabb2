import { BUS_ACCOUNTS, type BusRight } from '@countersign/contracts';
import type { BusUserKey } from './permissions.js';
import { natsServerConfig } from './server.js';

const GIB = 1024 * 1024 * 1024;
/** Holds `ca.crt`, `tls.crt` and `tls.key`. */
const TLS_DIR = '/etc/countersign/nats';
const NODES = ['countersign-1', 'countersign-2', 'countersign-3'];

/** `$COUNTERSIGN_NKEY_<USER>`, as the configuration of a deployment reads public keys from its environment. */
export const nkeyVariable = (user: string): string => `$COUNTERSIGN_NKEY_${user.toUpperCase()}`;

const platformKeys = (): BusUserKey[] => Object.keys(BUS_ACCOUNTS).map((user) => ({ user, nkey: nkeyVariable(user) }));

export interface DeploymentOptions {
  /** Servers of the cluster: 1 or 3. */
  readonly nodes: 1 | 3;
  /** Users of customers' services and their rights. */
  readonly keys?: readonly BusUserKey[];
  readonly more?: readonly BusRight[];
}

const COMMENT = `Made by "npm run bus-config" from libs/contracts/src/bus-rights.ts. Do not change it here: a test holds both together.
docs/operations/bus-rights.md says who may do what, README.md beside this file why each part is as it is.

In the environment of the server: public keys of the users (\`nk -gen user -pubout\` makes a pair; the seed stays with its service),
  ${Object.keys(BUS_ACCOUNTS).map((user) => nkeyVariable(user).slice(1)).join(',\n  ')}
and one secret, COUNTERSIGN_NATS_STORE_KEY: a letter and 32 random bytes in hex (\`echo k$(openssl rand -hex 32)\`). It encrypts what is
stored; the letter keeps nats-server from reading a number.
Check after each change:  nats-server --config <file> -t`;

const SYNC = `

nats-server 2.10 or later (2.12 is recommended): every acknowledged message is on disk. Start the three with one
COUNTERSIGN_NATS_SERVER_NAME each (${NODES.join(', ')}), and the ledger with LEDGER_NATS_REPLICAS=3.`;

/** The configuration of a deployment's servers. */
export function deploymentConfig({ nodes, keys = [], more = [] }: DeploymentOptions): string {
  return natsServerConfig({
    comment: nodes === 3 ? COMMENT + SYNC : COMMENT,
    serverName: nodes === 3 ? '$COUNTERSIGN_NATS_SERVER_NAME' : NODES[0]!,
    host: '0.0.0.0',
    port: 4222,
    monitor: '127.0.0.1:8222',
    storeDir: '/var/lib/countersign/nats',
    storeBytesMax: 16 * GIB,
    connectionsMax: 1024,
    tlsDir: TLS_DIR,
    syncAlways: nodes === 3,
    ...(nodes === 3 ? { cluster: { name: 'countersign', listen: '0.0.0.0:6222', routes: NODES.map((name) => `nats-route://${name}:6222`), tlsDir: TLS_DIR } } : {}),
    keys: [...platformKeys(), ...keys],
    more,
  });
}
