// The suites with real servers run in parts, several at a time: a package with many of them would go on alone when all others are done.

/** Packages whose suites take minutes; every other one has a single part. */
const PARTS = { 'apps/ledger': 3, 'apps/identity': 2, 'apps/keys': 2 };

/** Names of the Nx targets of all parts of any package, which the test command runs. */
export const PART_TARGETS = Array.from({ length: Math.max(...Object.values(PARTS)) }, (_, i) => `e2e-${i + 1}`);

/** @param {string} root folder of a package @returns {string[]} the names of its parts */
export const partTargets = (root) => PART_TARGETS.slice(0, PARTS[root] ?? 1);

/**
 * Every suite is in one part. Neighbours are in different ones, since suites of a folder take about as long as each other.
 * @param {string} root folder of a package
 * @param {readonly string[]} suites
 * @param {string} target `e2e` for all of them, or the name of a part
 * @returns {string[]}
 */
export function suitesOf(root, suites, target) {
  if (target === 'e2e') return [...suites];
  const targets = partTargets(root);
  return suites.filter((_, i) => i % targets.length === targets.indexOf(target));
}
