import { findProgram, unpackAsUser, type DebianProgram } from './debian-program.js';

const PROMTOOL: DebianProgram = { name: 'promtool', debianPackage: 'prometheus' };

/**
 * Path of promtool: from PATH, or unpacked into `cacheDir` from Debian's package of Prometheus, which is not installed: it would start a server.
 * Undefined where it cannot be had.
 */
export function promtoolProgram(cacheDir: string): string | undefined {
  const found = findProgram(PROMTOOL, cacheDir);
  if (found !== undefined) return found;
  unpackAsUser(PROMTOOL, cacheDir);
  return findProgram(PROMTOOL, cacheDir);
}
