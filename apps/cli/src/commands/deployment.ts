import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { OWN_SERVERS, prepareDeployment, type Servers } from '../deployment/prepare.js';
import { usageError } from '../exit-code.js';
import { run, withExamples, withJson } from '../io.js';
import type { Ended, Io } from '../io.js';

interface Options {
  readonly json?: boolean;
  readonly out: string;
  readonly busConfig: string;
  readonly host: readonly string[];
  readonly keepOwner?: boolean;
  readonly postgres: string;
  readonly postgresOptions?: string;
  readonly redis: string;
  readonly natsHost: readonly string[];
}

/** Of a server elsewhere: encrypted, and the one of that name. */
const VERIFIED = 'sslmode=verify-full';
const LOCAL_HOSTS = ['localhost', '127.0.0.1', 'edge'];

export function deploymentCommand(io: Io, ended: Ended): Command {
  const prepare = new Command('prepare')
    .description('make passwords, nkeys, certificates and configurations that hold such for a deployment by Compose; what is there is kept')
    .requiredOption('--out <dir>', 'folder of the secrets, one file each')
    .requiredOption('--bus-config <file>', 'configuration of nats-server with variables for public keys (deploy/nats)')
    .option('--host <name...>', 'names and addresses at which the edge is reached, beside localhost', [])
    .option('--postgres <host:port>', 'where PostgreSQL is', OWN_SERVERS.postgres)
    .option('--postgres-options <parameters>', `of connection URLs (default: ${VERIFIED} where --postgres is given)`)
    .option('--redis <host:port>', 'where Redis is, with TLS; redis://host:port: on purpose without', OWN_SERVERS.redis)
    .option('--nats-host <name...>', 'names of the bus in its certificate, beside nats', [])
    .option('--keep-owner', 'leave the files to whoever runs this; by default, and as root only, they go to the users of the containers')
    .action((options: Options) =>
      run(io, ended, options, async (output) => {
        const isOwned = options.keepOwner !== true;
        if (isOwned && process.getuid?.() !== 0) throw usageError('only root can give files to the users of the containers: run this as root, or with --keep-owner');
        const out = resolve(io.cwd, options.out);
        const servers = serversOf(options);
        await prepareDeployment({ out, busConfig: textOf(resolve(io.cwd, options.busConfig)), hosts: [...new Set([...LOCAL_HOSTS, ...options.host])], servers, nowMs: Date.now(), isOwned });
        output.result({ ok: true, out }, () => [`secrets of the deployment: ${out}`]);
      }),
    );
  const command = new Command('deployment').description('deployments by Compose').addCommand(withJson(prepare));
  return withExamples(command, ['deployment prepare --out deploy/compose/secrets --bus-config deploy/nats/one-node.conf --host audit.example.com']);
}

/** What goes into URLs as it is must not end them early. Throws CliError. */
function serversOf({ postgres, postgresOptions = postgres === OWN_SERVERS.postgres ? OWN_SERVERS.postgresOptions : VERIFIED, redis, natsHost }: Options): Servers {
  for (const place of [postgres, redis.replace(/^rediss?:\/\//, '')]) if (!/^[A-Za-z0-9.-]+:\d{1,5}$/.test(place)) throw usageError(`${place} is not host:port`);
  if (!/^[^\s#?]*$/.test(postgresOptions)) throw usageError('--postgres-options are parameters of a URL: name=value&name=value');
  return { postgres, postgresOptions, redis: redis.includes('://') ? redis : `rediss://${redis}`, natsHosts: natsHost };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw usageError(`--bus-config: ${file} cannot be read`);
  }
}
