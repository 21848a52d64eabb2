import { join } from 'node:path';
import { allocatorEnv } from './allocator.js';

const COMPILED = join(import.meta.dirname, '../../../node_modules/.cache/compiled');

/** What the databases of tests and measurements are stamped with. */
export const TEST_DEPLOYMENT = 'test-00000000';

/**
 * What every service is given that a test or a measurement starts, beside its own variables: Node keeps its compiled code, which takes a third
 * off each start (Node.js manual, "Module compile cache"), and jemalloc serves memory as in a deployment.
 */
export function programEnv(): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', NODE_COMPILE_CACHE: COMPILED, COUNTERSIGN_DEPLOYMENT: TEST_DEPLOYMENT, ...allocatorEnv() };
}
