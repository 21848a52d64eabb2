import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { provisionBus, type BusUserKey, type NatsClusterConfig, type StreamsOptions } from '@countersign/bus';
import { BUS_ACCOUNTS, type BusUser } from '@countersign/contracts';
import { formatNkey, formatNkeySeed, nkeyPrivateKey } from '@countersign/envelope';
import { killAtExit } from './exit-hook.js';
import { choosePort } from './free-port.js';
import { natsServerProgram, syncsAlways } from './nats-binary.js';
import { localNatsConfig, nameOfHolder, type HolderName } from './nats-config.js';
import { commandLine, endProcess, signal, waitGone, waitStopped } from './process-file.js';
import { claimOwner, DevstackError, readIfThere, writePrivate } from './state-files.js';

const START_LIMIT_MS = 20_000;
const START_ATTEMPTS = 3;
const POLL_MS = 10;
const SEED_BYTES = 32;
const STORE_KEY_BYTES = 32;
const STOP_STEPS = [['SIGTERM', 10_000], ['SIGKILL', 5_000]] as const;

export interface NatsOptions {
  /** State folder: configuration, seeds (mode 0600), log and the JetStream store. */
  readonly dir: string;
  /** Client port, used when it is free. */
  readonly port?: number;
  /** HTTP monitoring port, used when it is free. */
  readonly monitorPort?: number;
  /** Services of customers, each in an account of its own. */
  readonly holders?: readonly HolderName[];
  /** Of the streams that are made at the start; false makes none. */
  readonly streams?: StreamsOptions | false;
  /** Name in the server's monitoring and in its cluster. Default countersign-local. */
  readonly serverName?: string;
  /** The cluster that it belongs to; see startNatsCluster. */
  readonly cluster?: NatsClusterConfig;
  /** Folder with `ca.crt`, `tls.crt` and `tls.key`: clients must then show certificates too. */
  readonly tlsDir?: string;
  /** Folder of the users' seeds, where several servers share them. Default `dir`. */
  readonly seedsDir?: string;
  /** Told what takes long, such as installing the server. */
  readonly log?: (line: string) => void;
}

export interface NatsServer {
  /** `nats://127.0.0.1:<port>`, without credentials. */
  readonly url: string;
  readonly port: number;
  readonly monitorUrl: string;
  readonly pid: number;
  /** Seed files of the users. */
  readonly users: NatsUsers;
  /** The same users' public keys (`U…`). */
  readonly publicKeys: NatsUsers;
  /** Folder that JetStream stores in. */
  readonly storeDir: string;
  /** Seed file of a customers' service. */
  holderSeedFile(name: HolderName): string;
  /** Resolves when the process is gone. Calling it again is fine. */
  stop(): Promise<void>;
  /** Sends a signal; for SIGKILL resolves when the process is gone, for SIGSTOP when it stands still. */
  kill(name: NodeJS.Signals): Promise<void>;
}

/** By user: what stands under it says of what. */
export type NatsUsers = Readonly<Record<BusUser, string>>;

/** Public key of the seed in the file, which is made when it is not there. */
async function publicKeyOf(path: string): Promise<string> {
  const known = await readIfThere(path);
  const seed = known ?? `${formatNkeySeed(randomBytes(SEED_BYTES))}\n`;
  if (known === undefined) await writePrivate(path, seed);
  return formatNkey(nkeyPrivateKey(seed));
}

// The server greets every client with INFO; until then its port may belong to nobody or to somebody else.
function greets(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const end = (answer: boolean): void => {
      socket.destroy();
      done(answer);
    };
    socket.once('data', (data) => end(data.toString('latin1').startsWith('INFO ')));
    socket.once('error', () => end(false));
    // A stranger may hang up without a word.
    socket.once('close', () => end(false));
    socket.setTimeout(1_000, () => end(false));
  });
}

/** Encrypts what JetStream stores; made at the first start. It reaches the server in its environment and is in no configuration. */
async function storeKey(path: string): Promise<string> {
  const known = await readIfThere(path);
  if (known !== undefined) return known.trim();
  // nats-server reads variables as values of its configuration: what begins with a digit would be a number.
  const key = `k${randomBytes(STORE_KEY_BYTES).toString('hex')}`;
  await writePrivate(path, `${key}\n`);
  return key;
}

async function launch(program: string, configFile: string, dir: string, port: number, key: string): Promise<ChildProcess | undefined> {
  // Its own session: Ctrl-C in the terminal must reach the services first, which stop the bus after them.
  const child = spawn(program, ['--config', configFile], { cwd: dir, detached: true, stdio: 'ignore', env: { ...process.env, COUNTERSIGN_NATS_STORE_KEY: key } });
  child.unref();
  await new Promise<void>((done, fail) => child.once('spawn', done).once('error', fail));
  await writeFile(join(dir, 'pid'), String(child.pid));
  const until = performance.now() + START_LIMIT_MS;
  while (performance.now() < until) {
    if (child.exitCode !== null || child.signalCode !== null) return undefined;
    if (await greets(port)) return child;
    await sleep(POLL_MS);
  }
  child.kill('SIGKILL');
  return undefined;
}

async function endOrphan(dir: string, configFile: string): Promise<void> {
  const pid = Number(await readIfThere(join(dir, 'pid')));
  if (pid > 0 && commandLine(pid)?.includes(configFile) === true) await endProcess(pid, STOP_STEPS);
}

/**
 * Starts a real nats-server with JetStream and the declared rights (libs/contracts, bus-rights) for development and tests.
 * Users' keys are made at the first start. A server left over from a killed process is stopped first.
 * @throws {DevstackError} STACK_RUNNING, NATS_SERVER_MISSING, START_FAILED
 */
export async function startNats(options: NatsOptions): Promise<NatsServer> {
  const dir = resolve(options.dir);
  const configFile = join(dir, 'nats.conf');
  const logFile = join(dir, 'nats.log');
  const storeDir = join(dir, 'store');
  mkdirSync(dir, { recursive: true });
  await claimOwner(join(dir, 'owner'));
  const program = natsServerProgram(join(dir, 'program'), options.log ?? (() => undefined));
  await endOrphan(dir, configFile);
  const seedFile = (user: string): string => join(options.seedsDir ?? dir, `${user}.nk`);
  const keysOf = (names: readonly string[]): Promise<BusUserKey[]> => Promise.all(names.map(async (user) => ({ user, nkey: await publicKeyOf(seedFile(user)) })));
  const { holders = [] } = options;
  const platform = await keysOf(Object.keys(BUS_ACCOUNTS));
  const keys = [...platform, ...(await keysOf(holders.map(nameOfHolder)))];
  const users = Object.fromEntries(platform.map(({ user }) => [user, seedFile(user)])) as unknown as NatsUsers;
  const publicKeys = Object.fromEntries(platform.map(({ user, nkey }) => [user, nkey])) as unknown as NatsUsers;
  const encryptionKey = await storeKey(join(dir, 'store.key'));

  for (let attempt = 1; attempt <= START_ATTEMPTS; attempt += 1) {
    const port = await choosePort(options.port);
    const monitorPort = await choosePort(options.monitorPort);
    await writeFile(configFile, localNatsConfig({ serverName: options.serverName ?? 'countersign-local', cluster: options.cluster, tlsDir: options.tlsDir, syncAlways: options.cluster !== undefined && syncsAlways(program), port, monitorPort, storeDir, logFile, keys, holders }));
    const child = await launch(program, configFile, dir, port, encryptionKey);
    if (child === undefined) continue;
    const started = server(child, dir, { port, monitorPort, storeDir, users, publicKeys });
    if (options.streams !== false) await provisionBus({ url: started.url, nkeySeedFile: users.provisioner, tlsDir: options.tlsDir }, options.streams).catch((error: unknown) => started.stop().then(() => Promise.reject(error as Error)));
    return started;
  }
  const log = existsSync(logFile) ? readFileSync(logFile, 'utf8').split('\n').slice(-12).join('\n') : '';
  throw new DevstackError('START_FAILED', `nats-server did not start; its log ${logFile} ends:\n${log}`);
}

interface Running {
  readonly port: number;
  readonly monitorPort: number;
  readonly storeDir: string;
  readonly users: NatsUsers;
  readonly publicKeys: NatsUsers;
}

function server(child: ChildProcess, dir: string, { port, monitorPort, storeDir, users, publicKeys }: Running): NatsServer {
  const pid = child.pid ?? 0;
  child.once('exit', killAtExit(pid, 'SIGTERM'));
  return {
    url: `nats://127.0.0.1:${String(port)}`,
    port,
    monitorUrl: `http://127.0.0.1:${String(monitorPort)}`,
    pid,
    users,
    publicKeys,
    storeDir,
    holderSeedFile: (name) => join(dir, `${nameOfHolder(name)}.nk`),
    async stop() {
      await endProcess(pid, STOP_STEPS);
      await rm(join(dir, 'owner'), { force: true });
    },
    async kill(name) {
      signal(pid, name);
      if (name === 'SIGKILL') await waitGone(pid, 5_000);
      if (name === 'SIGSTOP') await waitStopped(pid, 5_000);
    },
  };
}
