import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { CliError, EXIT } from '../exit-code.js';
import { run, withExamples } from '../io.js';
import type { Ended, Io } from '../io.js';
import { WORKSPACE } from '../workspace.js';

export function benchCommand(io: Io, ended: Ended): Command {
  const command = new Command('bench')
    .description('measure this machine with the benchmark of the repository ("npm run bench")')
    .argument('[arguments...]', 'handed on to the benchmark, such as --json FILE')
    .allowUnknownOption()
    .action((args: readonly string[]) =>
      run(io, ended, {}, async () => {
        if (!existsSync(join(WORKSPACE, 'bench', 'package.json'))) {
          throw new CliError(EXIT.usage, 'BENCH_MISSING', 'the benchmark comes with the repository, not with the installed command');
        }
        const child = spawn('npm', ['run', '--silent', 'bench', '--', ...args], { cwd: WORKSPACE, stdio: 'inherit' });
        const [code] = (await once(child, 'close')) as [number | null];
        return code === 0 ? EXIT.ok : EXIT.usage;
      }),
    );
  return withExamples(command, ['bench', 'bench -- --json figures.json']);
}
