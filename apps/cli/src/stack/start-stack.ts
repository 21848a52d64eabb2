import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { connectProvisioner, StreamKeeper } from '@countersign/bus';
import { DevstackError, choosePort, commandLine, fetchAllocator, startDevstack } from '@countersign/devstack';
import type { Devstack } from '@countersign/devstack';
import { writeFileDurably } from '@countersign/runtime';
import { CliError, EXIT } from '../exit-code.js';
import { isRunning, localStackFile } from '../local-stack.js';
import type { LocalStack } from '../local-stack.js';
import type { Environment } from '../target.js';
import { deploymentOf, prepareFiles, rememberedPorts, stackFiles, writeKeysFiles, writeUrls } from './files.js';
import type { StackFiles } from './files.js';
import { startLocalIdentity, startLocalRetention } from './start-identity-and-retention.js';
import { prepareBackup } from './prepare-backup.js';
import { localEdgeOrigin, startLocalEdge } from './start-edge.js';
import { startLocalKeys } from './start-keys.js';
import { endOrphan, provisionService, startServiceProcess } from './service-process.js';
import type { ServiceProcess } from './service-process.js';

/** Origin of the ledgers of a local stack: a name that cannot be anybody's on the Internet (RFC 6761 §6.3). */
const LOCAL_ORIGIN_PREFIX = 'countersign.localhost';
const DATABASE = 'ledger';
const LOOPBACK = '127.0.0.1';

export interface StackOptions {
  readonly stateDir: string;
  readonly env: Environment;
  /** Told what is being done and what takes long. */
  readonly log: (line: string) => void;
}

export interface RunningStack extends LocalStack {
  readonly stateDir: string;
  readonly files: StackFiles;
  /** Ends edge, retention, identity, ledger, key service, bus and database, in this order. Calling it again is fine. */
  stop(): Promise<void>;
}

/**
 * Starts PostgreSQL, nats-server and all services on one state folder, durable, on the ports of the last start when they
 * are free, and leaves `local.json` for other commands. Throws CliError; what had started is stopped again.
 */
export async function startStack(options: StackOptions): Promise<RunningStack> {
  const stateDir = resolve(options.stateDir);
  const files = stackFiles(stateDir);
  mkdirSync(stateDir, { recursive: true });
  refuseSecond(stateDir);
  await endOrphan('edge', files.edge.pid);
  await endOrphan('retention', files.retention.pid);
  await endOrphan('identity', files.identity.pid);
  await endOrphan('ledger', files.ledgerPid);
  await endOrphan('keys', files.keys.pid);
  const devstack = await startServers(stateDir, options.log);
  const started: ServiceProcess[] = [];
  const provisioner = await connectProvisioner({ url: devstack.nats.url, nkeySeedFile: devstack.nats.users.provisioner });
  const keeper = new StreamKeeper({ bus: provisioner });
  keeper.start();
  const stop = async (): Promise<void> => {
    rmSync(localStackFile(stateDir), { force: true });
    for (const service of started.toReversed()) await service.stop();
    await keeper.stop().finally(() => provisioner.close());
    await devstack.stop();
  };
  try {
    const ports = rememberedPorts(files);
    const port = await choosePort(ports.ledger);
    const url = `http://${LOOPBACK}:${port}`;
    await prepareDatabase(files, devstack, options);
    await prepareBackup(files.backup, devstack);
    await writeKeysFiles(files.keys, devstack);
    started.push(await startLocalKeys(files.keys, devstack, { ...options, deployment: deploymentOf(files) }));
    started.push(await startServiceProcess({ ...options, service: 'ledger', config: ledgerConfig(files, devstack, port), logFile: files.ledgerLog, pidFile: files.ledgerPid, url }));
    const edgePort = await choosePort(ports.edge);
    started.push(await startLocalIdentity(files, devstack, { ...options, publicOrigin: localEdgeOrigin(edgePort) }));
    started.push(await startLocalRetention(files, devstack, options));
    const edge = await startLocalEdge(files.edge, devstack, { ...options, ledgerUrl: url, port: edgePort });
    started.push(edge.process);
    const local: LocalStack = {
      pid: process.pid,
      command: commandLine(process.pid) ?? '',
      ledgerUrl: url,
      natsUrl: devstack.nats.url,
      edgeUrl: edge.url,
      edgeCertFile: edge.certFile,
      servicesSeedFile: devstack.nats.users.services,
      operatorSeedFile: devstack.nats.users.operator,
      backupSeedFile: devstack.nats.users.backup,
      keysPublicKeyFile: files.keys.publicKey,
      readerUrlFile: files.readerUrl,
      startedAt: new Date().toISOString(),
    };
    await writeFileDurably(files.ports, `${JSON.stringify({ ledger: port, edge: edge.port })}\n`);
    await writeFileDurably(localStackFile(stateDir), `${JSON.stringify(local, null, 2)}\n`);
    return { ...local, stateDir, files, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A ledger that belongs to a living `up` must not be taken for an orphan. */
function refuseSecond(stateDir: string): void {
  const file = localStackFile(stateDir);
  if (!existsSync(file)) return;
  const stack = JSON.parse(readFileSync(file, 'utf8')) as LocalStack;
  if (stack.pid === process.pid || !isRunning(stack)) return;
  throw new CliError(EXIT.usage, 'STACK_RUNNING', `a stack already runs in ${stateDir} (process ${stack.pid}, ledger ${stack.ledgerUrl}); stop it first, or use another --state-dir`);
}

async function startServers(stateDir: string, log: (line: string) => void): Promise<Devstack> {
  try {
    const devstack = await startDevstack({ stateDir, durable: true, log });
    fetchAllocator(log);
    return devstack;
  } catch (error) {
    if (error instanceof DevstackError) throw new CliError(EXIT.usage, error.code, error.message);
    throw error;
  }
}

async function prepareDatabase(files: StackFiles, devstack: Devstack, { env }: StackOptions): Promise<void> {
  await prepareFiles(files);
  const databaseUrl = devstack.databaseUrl(DATABASE);
  await writeUrls(files, databaseUrl);
  await writeFileDurably(files.adminUrl, devstack.databaseUrl('postgres'));
  const config = { ...deploymentOf(files), LEDGER_ADMIN_DATABASE_URL_FILE: files.adminUrl, LEDGER_DATABASE_NAME: DATABASE, LEDGER_ROLE_PASSWORDS_DIR: files.passwordsDir };
  try {
    await provisionService({ service: 'ledger', env, config, logFile: files.ledgerLog });
  } finally {
    rmSync(files.adminUrl, { force: true });
  }
}

/** A ledger whose checkpoints were signed by keys of its own, before there was a key service, keeps them. */
function ledgerKeys({ ledgerState, keys }: StackFiles): Record<string, string> {
  const ownKeys = join(ledgerState, 'keys');
  const hasOwn = existsSync(ownKeys) && readdirSync(ownKeys).some((name) => name.startsWith('signing-keys.sealed.'));
  return hasOwn ? { LEDGER_KEYS: 'sealed-file' } : { LEDGER_KEYS: 'service', LEDGER_KEYS_PUBLIC_KEY_FILE: keys.publicKey };
}

function ledgerConfig(files: StackFiles, devstack: Devstack, port: number): Record<string, string> {
  return {
    ...deploymentOf(files),
    LEDGER_DATABASE_URL_FILE: files.runtimeUrl,
    LEDGER_READER_DATABASE_URL_FILE: files.readerUrl,
    LEDGER_ERASER_DATABASE_URL_FILE: files.eraserUrl,
    LEDGER_NATS_URL: devstack.nats.url,
    LEDGER_NATS_SEED_FILE: devstack.nats.users.ledger,
    LEDGER_STATE_DIR: files.ledgerState,
    ...ledgerKeys(files),
    LEDGER_ORIGIN_PREFIX: LOCAL_ORIGIN_PREFIX,
    LEDGER_HTTP_HOST: LOOPBACK,
    LEDGER_HTTP_PORT: String(port),
  };
}
