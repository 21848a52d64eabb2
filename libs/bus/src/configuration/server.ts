import type { BusRight } from '@countersign/contracts';
import { accountsSection } from './accounts.js';
import type { BusUserKey } from './permissions.js';

const MAX_PAYLOAD_BYTES = 1024 * 1024;
const GIB = 1024 * 1024 * 1024;
const MEMORY_STORE_BYTES_MAX = 64 * 1024 * 1024;
const LOCAL_STORE_BYTES_MAX = 4 * GIB;

/** A cluster that a server belongs to. */
export interface NatsClusterConfig {
  readonly name: string;
  /** Where the others reach this server, `host:port`. */
  readonly listen: string;
  /** `nats-route://host:port` of all of them. */
  readonly routes: readonly string[];
  /** Folder with `ca.crt`, `tls.crt` and `tls.key`; without it routes are open, which only one machine's loopback may be. */
  readonly tlsDir?: string;
}

export interface NatsServerConfig {
  /** Lines at the head of the file. */
  readonly comment: string;
  readonly serverName: string;
  readonly host: string;
  readonly port: number;
  /** `host:port` of monitoring, never public. */
  readonly monitor: string;
  readonly logFile?: string;
  readonly storeDir: string;
  readonly storeBytesMax?: number;
  readonly connectionsMax?: number;
  /** Folder with `ca.crt`, `tls.crt` and `tls.key`: clients must then show certificates too. */
  readonly tlsDir?: string;
  /** Every message is on disk before it is acknowledged; nats-server 2.10 or later. */
  readonly syncAlways?: boolean;
  readonly cluster?: NatsClusterConfig;
  readonly keys: readonly BusUserKey[];
  /** Rights of customers' services. */
  readonly more?: readonly BusRight[];
}

const text = (value: string): string => (value.startsWith('$') ? value : JSON.stringify(value));

const tls = (dir: string, indent: string): string => `${indent}tls {
${indent}  ca_file: ${JSON.stringify(`${dir}/ca.crt`)}
${indent}  cert_file: ${JSON.stringify(`${dir}/tls.crt`)}
${indent}  key_file: ${JSON.stringify(`${dir}/tls.key`)}
${indent}  verify: true
${indent}  timeout: 5
${indent}}
`;

function cluster({ name, listen, routes, tlsDir }: NatsClusterConfig): string {
  return `cluster {
  name: ${JSON.stringify(name)}
  listen: ${JSON.stringify(listen)}
  routes: [${routes.map((route) => JSON.stringify(route)).join(', ')}]
${tlsDir === undefined ? '' : tls(tlsDir, '  ')}}

`;
}

/** The configuration of one nats-server, 2.9 or later. It holds public keys only; the key of its store comes in the environment. */
export function natsServerConfig(c: NatsServerConfig): string {
  return `${c.comment.trim().split('\n').map((line) => `# ${line}`.trimEnd()).join('\n')}
server_name: ${text(c.serverName)}
host: ${c.host}
port: ${String(c.port)}
http: ${JSON.stringify(c.monitor)}
${c.logFile === undefined ? '' : `log_file: ${JSON.stringify(c.logFile)}\nlogfile_size_limit: 16MB\n`}max_payload: ${String(MAX_PAYLOAD_BYTES)}
max_connections: ${String(c.connectionsMax ?? 256)}
ping_interval: 10s
ping_max: 3
write_deadline: 10s
# A client that waits for a core must not be taken for one that cannot sign: by default it has two seconds.
authorization { timeout: 10 }
${c.tlsDir === undefined ? '' : tls(c.tlsDir, '')}
jetstream {
  store_dir: ${JSON.stringify(c.storeDir)}
  max_file_store: ${String(c.storeBytesMax ?? LOCAL_STORE_BYTES_MAX)}
  max_memory_store: ${String(MEMORY_STORE_BYTES_MAX)}
  # What waits here may hold personal data that nobody has encrypted yet.
  cipher: chachapoly
  key: $COUNTERSIGN_NATS_STORE_KEY
${c.syncAlways === true ? '  # An acknowledged message is on disk.\n  sync_interval: always\n' : ''}}

${c.cluster === undefined ? '' : cluster(c.cluster)}${accountsSection(c.keys, c.more)}`;
}
