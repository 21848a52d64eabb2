import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach } from '@jest/globals';

const made: string[] = [];

/** A new folder, removed after the test with what lies beside it. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'countersign-client-'));
  made.push(folder);
  const inside = path.join(folder, 'spool');
  await mkdir(inside, { mode: 0o700 });
  return inside;
}

afterEach(async () => {
  for (const folder of made.splice(0)) await rm(folder, { recursive: true, force: true });
});
