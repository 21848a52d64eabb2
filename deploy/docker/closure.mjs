// What a service needs at run time, by the lock file: what goes into its image, and what its bill of materials names.
import { basename, dirname } from 'node:path';

/** What an image can be made of. */
export const IMAGES = ['ledger', 'keys', 'identity', 'retention', 'edge', 'backup', 'cli'];

/** The workspace that an image starts. Backups are the command line's, in an image that has PostgreSQL's programs: a restore runs them. */
export const workspaceOf = (image) => `apps/${image === 'backup' ? 'cli' : image}`;

/**
 * Entries of the lock file that a workspace reaches at run time: itself, other workspaces by their links, and packages.
 * @param {Readonly<Record<string, object>>} packages of package-lock.json
 * @param {string} from the workspace's folder
 * @param {(at: string) => boolean} isInstalled what is for other machines is in the lock file and not on the disk
 * @returns {Map<string, string[]>} by entry, the entries that it asks for
 */
export function closureOf(packages, from, isInstalled) {
  const taken = new Map();
  const waiting = [from];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    if (taken.has(at)) continue;
    const asked = askedBy(packages, at, isInstalled);
    taken.set(at, asked);
    waiting.push(...asked);
  }
  return taken;
}

function askedBy(packages, at, isInstalled) {
  const entry = packages[at];
  if (entry.link === true) return [entry.resolved];
  const wanted = { ...entry.peerDependencies, ...entry.optionalDependencies, ...entry.dependencies };
  return Object.keys(wanted).flatMap((name) => {
    const found = placeOf(packages, at, name, isInstalled);
    if (found === undefined && entry.dependencies?.[name] !== undefined) throw new Error(`${at} needs ${name}, which is not installed`);
    return found === undefined ? [] : [found];
  });
}

/** Where Node would find a package from another: in its node_modules or in those above. Types are for compilers. */
function placeOf(packages, from, name, isInstalled) {
  if (name.startsWith('@types/')) return undefined;
  for (let folder = from; ; folder = dirname(folder)) {
    const place = folder === '.' ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (basename(folder) !== 'node_modules' && packages[place] !== undefined && isInstalled(place)) return place;
    if (folder === '.') return undefined;
  }
}
