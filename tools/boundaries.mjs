// Checks the import boundaries of every folder that holds TypeScript and exists.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './workspace.mjs';

const roots = ['apps', 'libs', 'bench', 'examples', 'test'].filter((root) => existsSync(join(ROOT, root)));
const cruiser = join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs');
const result = spawnSync(process.execPath, [cruiser, '--config', '.dependency-cruiser.mjs', ...roots], { cwd: ROOT, stdio: 'inherit' });
process.exit(result.status ?? 1);
