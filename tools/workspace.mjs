// Where things lie in this checkout, and the environment its processes run in.
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
export const RESULTS_DIR = join(ROOT, '.nx', 'results');
export const NODE_MAJOR = 24;

/** The environment of every child: Node 24 is the first `node` on PATH, and no tool calls home, asks or paints a log file. */
export function childEnv(nodePath, base = process.env) {
  return {
    ...base,
    PATH: [dirname(nodePath), join(ROOT, 'node_modules', '.bin'), base.PATH].filter(Boolean).join(delimiter),
    NX_DAEMON: 'false',
    NX_TUI: 'false',
    NX_NO_CLOUD: 'true',
    ...(process.stdout.isTTY ? {} : { FORCE_COLOR: '0' }),
    ...(base.CI ? { NX_SKIP_NX_CACHE: 'true' } : {}),
  };
}

/** Jest needs the VM's module loader to run ES modules; its experimental warning would repeat for each suite. */
export function jestEnv(base = process.env) {
  return { ...base, NODE_OPTIONS: '--experimental-vm-modules --disable-warning=ExperimentalWarning' };
}
