// Finds a Node 24 for everything that this repository runs; the Node that started npm may be older.
import { spawnSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { NODE_MAJOR, ROOT } from './workspace.mjs';

/** @returns {number | undefined} the major version that the program reports, undefined when it does not run here */
function majorOf(program) {
  const answer = spawnSync(program, ['--version'], { encoding: 'utf8' });
  const match = answer.status === 0 ? /^v(\d+)\./.exec(answer.stdout) : null;
  return match ? Number(match[1]) : undefined;
}

/** @returns {string} the path of a Node 24; throws an error that says what to do when there is none */
export function findNode() {
  const packaged = join(ROOT, 'node_modules', '.bin', 'node');
  if (existsSync(packaged) && majorOf(packaged) === NODE_MAJOR) return realpathSync(packaged);
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR) return process.execPath;
  throw new Error(
    `Node ${NODE_MAJOR} is needed and this is Node ${process.versions.node} on ${process.platform}-${process.arch}.\n` +
      `  On linux-x64 and linux-arm64 it comes with the dependencies: run "npm ci --include=optional" here, then try again.\n` +
      `  Elsewhere install Node ${NODE_MAJOR} from https://nodejs.org/ and run the same command with it.`,
  );
}
