import { spawn } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDevstack, type Devstack, type DevstackOptions } from './devstack.js';
import { removePostgres } from './postgres.js';

// Waits for the end of the process $OWNER, then ends every process whose command line names the folder $FOLDER and
// deletes it. A killed test run cannot clean up itself, and its servers would keep memory and ports for ever.
const GUARD = `
while grep -qa . "/proc/$OWNER/cmdline" 2>/dev/null; do sleep 1; done
for name in INT TERM KILL; do
  for process in /proc/[0-9]*; do
    if grep -qaF -- "$FOLDER" "$process/cmdline" 2>/dev/null; then kill -"$name" "\${process#/proc/}" 2>/dev/null; fi
  done
  sleep 1
done
rm -rf -- "$FOLDER"
`;

/**
 * Ends every process whose command line names the folder, and deletes it, when this process ends in whatever way
 * (Linux; elsewhere nothing happens). Returns the way to call it off.
 */
export function guardFolder(folder: string): () => void {
  if (process.platform !== 'linux') return () => undefined;
  const child = spawn('/bin/sh', ['-c', GUARD], { cwd: '/', detached: true, stdio: 'ignore', env: { PATH: '/usr/bin:/bin', OWNER: String(process.pid), FOLDER: folder } });
  child.on('error', () => undefined);
  child.unref();
  return () => {
    child.kill('SIGKILL');
  };
}

/**
 * A stack in a temporary folder, for one test file: about one second to start. `stop()` deletes everything, and so
 * does the end of this process, however it ends (Linux). fsync is off unless `durable` is set.
 */
export async function startTestStack(options: Pick<Partial<DevstackOptions>, 'durable' | 'holders'> = {}): Promise<Devstack> {
  const stateDir = await mkdtemp(join(tmpdir(), 'countersign-test-'));
  // PostgreSQL runs as another user when the tests run as root: let it pass through, not look.
  await chmod(stateDir, 0o711);
  const dismiss = guardFolder(stateDir);
  const stack = await startDevstack({ stateDir, durable: options.durable ?? false, holders: options.holders });
  return {
    ...stack,
    async stop() {
      await stack.stop();
      await removePostgres(join(stateDir, 'postgres'));
      await rm(stateDir, { recursive: true, force: true });
      dismiss();
    },
  };
}
