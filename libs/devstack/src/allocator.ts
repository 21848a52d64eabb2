import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { installAsRoot, unpackAsUser, type DebianProgram } from './debian-program.js';

const JEMALLOC: DebianProgram = { name: 'libjemalloc.so.2', debianPackage: 'libjemalloc2' };
const CACHE = join(import.meta.dirname, '../../../node_modules/.cache/debian');
/** It must not hold up a start where no package can be had. */
const APT_LIMIT_MS = 30_000;
/** Debian's names of the folders of libraries. */
const TRIPLETS: Readonly<Partial<Record<NodeJS.Architecture, string>>> = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };

function library(): string | undefined {
  const triplet = TRIPLETS[process.arch] ?? '';
  const folders = ['/usr', join(CACHE, JEMALLOC.debianPackage, 'usr')].map((root) => join(root, 'lib', triplet));
  return process.platform === 'linux' ? folders.map((folder) => join(folder, JEMALLOC.name)).find(existsSync) : undefined;
}

/** Has jemalloc serve a service's memory, as its image does (docs/adr/0050); empty where it is not there. */
export function allocatorEnv(): { readonly LD_PRELOAD?: string } {
  const found = library();
  return found === undefined ? {} : { LD_PRELOAD: found };
}

/** Sees to it that jemalloc is there: installed by apt (root), or unpacked from its package for us alone (ordinary user). Without it everything works, and encrypts at half the speed. */
export function fetchAllocator(log: (line: string) => void): void {
  if (library() !== undefined || process.platform !== 'linux') return;
  const isRoot = process.getuid?.() === 0;
  log(isRoot ? 'installing jemalloc (apt-get install libjemalloc2)' : 'fetching jemalloc (apt-get download libjemalloc2)');
  if (isRoot) installAsRoot(JEMALLOC, APT_LIMIT_MS);
  else unpackAsUser(JEMALLOC, CACHE, APT_LIMIT_MS);
  if (library() === undefined) log("jemalloc is not to be had here: the services use the system's allocator, and encrypt at half the speed");
}
