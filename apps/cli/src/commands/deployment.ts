import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { prepareDeployment } from '../deployment/prepare.js';
import { usageError } from '../exit-code.js';
import { run, withExamples, withJson } from '../io.js';
import type { Ended, Io } from '../io.js';

interface Options {
  readonly json?: boolean;
  readonly out: string;
  readonly busConfig: string;
  readonly host: readonly string[];
  readonly keepOwner?: boolean;
}

const LOCAL_HOSTS = ['localhost', '127.0.0.1', 'edge'];

export function deploymentCommand(io: Io, ended: Ended): Command {
  const prepare = new Command('prepare')
    .description('make passwords, nkeys, certificates and configurations that hold such for a deployment by Compose; what is there is kept')
    .requiredOption('--out <dir>', 'folder of the secrets, one file each')
    .requiredOption('--bus-config <file>', 'configuration of nats-server with variables for public keys (deploy/nats)')
    .option('--host <name...>', 'names and addresses at which the edge is reached, beside localhost', [])
    .option('--keep-owner', 'leave the files to whoever runs this; by default, and as root only, they go to the users of the containers')
    .action((options: Options) =>
      run(io, ended, options, async (output) => {
        const isOwned = options.keepOwner !== true;
        if (isOwned && process.getuid?.() !== 0) throw usageError('only root can give files to the users of the containers: run this as root, or with --keep-owner');
        const out = resolve(io.cwd, options.out);
        await prepareDeployment({ out, busConfig: textOf(resolve(io.cwd, options.busConfig)), hosts: [...new Set([...LOCAL_HOSTS, ...options.host])], nowMs: Date.now(), isOwned });
        output.result({ ok: true, out }, () => [`secrets of the deployment: ${out}`]);
      }),
    );
  const command = new Command('deployment').description('deployments by Compose').addCommand(withJson(prepare));
  return withExamples(command, ['deployment prepare --out deploy/compose/secrets --bus-config deploy/nats/nats-server.conf --host audit.example.com']);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw usageError(`--bus-config: ${file} cannot be read`);
  }
}
