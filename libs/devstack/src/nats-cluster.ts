import { provisionBus, type StreamsOptions } from '@countersign/bus';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { choosePort } from './free-port.js';
import { natsServerProgram, syncsAlways } from './nats-binary.js';
import { startNats, type NatsServer } from './nats.js';

const NODES = 3;
const QUORUM_LIMIT_MS = 120_000;

/** Three servers as one: `url` names all of them. */
export interface NatsCluster extends NatsServer {
  /** Whether a message is on disk before a server acknowledges it. */
  readonly syncsAlways: boolean;
  /** kill -9 of one server, 0 to 2. */
  killNode(node: number): Promise<void>;
  /** Starts it again on its store and its ports. */
  startNode(node: number): Promise<void>;
}

/**
 * Starts three nats-servers with one JetStream, as deploy/nats/three-nodes.conf has it, on loopback and without TLS for clients; every stream
 * has three copies. nats-server 2.10 and later syncs every message.
 * @param options `routesTlsDir`: folder with `ca.crt`, `tls.crt` and `tls.key` by which the servers know each other
 * @throws {DevstackError} as startNats; {BusError} when there is no quorum
 */
export async function startNatsCluster({ dir: given, streams = {}, routesTlsDir }: { readonly dir: string; readonly streams?: StreamsOptions; readonly routesTlsDir?: string }): Promise<NatsCluster> {
  const dir = resolve(given);
  const seedsDir = join(dir, 'seeds');
  mkdirSync(seedsDir, { recursive: true });
  const routePorts: number[] = [];
  while (routePorts.length < NODES) {
    const port = await choosePort();
    if (!routePorts.includes(port)) routePorts.push(port);
  }
  const routes = routePorts.map((port) => `nats-route://127.0.0.1:${String(port)}`);
  const launch = (node: number, port?: number): Promise<NatsServer> =>
    startNats({
      dir: join(dir, `node-${String(node)}`),
      seedsDir,
      serverName: `countersign-${String(node + 1)}`,
      cluster: { name: 'countersign', listen: `127.0.0.1:${String(routePorts[node])}`, routes, ...(routesTlsDir === undefined ? {} : { tlsDir: routesTlsDir }) },
      streams: false,
      ...(port === undefined ? {} : { port }),
    });
  const nodes: NatsServer[] = [];
  // One after the other: they make the seeds that they share.
  for (let node = 0; node < NODES; node += 1) nodes.push(await launch(node));
  const url = nodes.map((node) => node.url).join(',');
  const first = nodes[0]!;
  const stop = async (): Promise<void> => void (await Promise.all(nodes.map((node) => node.stop())));
  const copies = { intake: { ...streams.intake, replicas: NODES }, waiting: { ...streams.waiting, replicas: NODES } };
  await provisionBus({ url, nkeySeedFile: first.users.provisioner }, copies, QUORUM_LIMIT_MS).catch((error: unknown) => stop().then(() => Promise.reject(error as Error)));
  return {
    url,
    port: first.port,
    monitorUrl: first.monitorUrl,
    pid: first.pid,
    users: first.users,
    publicKeys: first.publicKeys,
    storeDir: first.storeDir,
    syncsAlways: syncsAlways(natsServerProgram(join(dir, 'node-0', 'program'), () => undefined)),
    holderSeedFile: (name) => first.holderSeedFile(name),
    stop,
    kill: async (name) => void (await Promise.all(nodes.map((node) => node.kill(name)))),
    killNode: (node) => nodes[node]!.kill('SIGKILL'),
    async startNode(node) {
      nodes[node] = await launch(node, nodes[node]!.port);
    },
  };
}
