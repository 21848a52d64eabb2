import type { KeysResult, KeyVersionView, KeyView } from '@countersign/contracts';
import { count } from '../progress.js';
import { textOfKey } from './key-name.js';

/** Keys as people read them. What has no count yet was never scanned. */

const NEVER = 'never scanned';

/** Rows in columns, each as wide as its widest text. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, at) => Math.max(...rows.map((row) => row[at]!.length)));
  return rows.map((row) => row.map((text, at) => text.padEnd(widths[at]!)).join('  ').trimEnd());
}

export function listLines(keys: readonly KeyView[]): string[] {
  if (keys.length === 0) return ['no keys'];
  return table([['KEY', 'KIND', 'ACTIVE', 'VERSIONS', 'SINCE', 'STATE'], ...keys.map(rowOf)]);
}

function rowOf(key: KeyView): string[] {
  const active = activeOf(key);
  const kept = key.versions.filter(({ state }) => state !== 'destroyed').length;
  return [textOfKey(key), key.kind, active === undefined ? '-' : String(active.version), `${kept} of ${key.versions.length}`, active?.createdAt ?? '-', stateOf(key)];
}

function stateOf(key: KeyView): string {
  if (activeOf(key) === undefined) return 'destroyed';
  return key.destroyAt === undefined ? 'in use' : `to be destroyed ${key.destroyAt}`;
}

const activeOf = ({ versions }: KeyView): KeyVersionView | undefined => versions.findLast(({ state }) => state === 'active');

export function showLines(key: KeyView): string[] {
  const { rotateAfterDays, rotateAfterUses, minimumVersion } = key;
  const rules = [...(rotateAfterDays > 0 ? [`${rotateAfterDays} days`] : []), ...(rotateAfterUses > 0 ? [`${count(rotateAfterUses)} encryptions`] : [])];
  const versions = key.versions.map(({ version, keyId, state, createdAt, usesLeased, remaining }) => [String(version), keyId, state, createdAt, count(usesLeased), remaining === undefined ? NEVER : count(remaining)]);
  return [
    `${textOfKey(key)}: ${key.kind} key, ${stateOf(key)}`,
    `  rotates ${rules.length === 0 ? 'when its algorithm asks for it' : `after ${rules.join(' or ')}`}; versions from ${minimumVersion} on decrypt`,
    ...table([['VERSION', 'KEY ID', 'STATE', 'SINCE', 'LEASED', 'REMAINING'], ...versions]),
  ];
}

export function rewrapLines({ versions, epoch }: KeysResult<'rewrap-status'>): string[] {
  const rows = versions.map(({ tenant, purpose, version, keyId, remaining, remainingAt }) => [textOfKey({ tenant, purpose }), String(version), keyId, remaining === undefined ? NEVER : count(remaining), remainingAt ?? '-']);
  return [
    ...(rows.length === 0 ? ['nothing lies under an old version'] : table([['KEY', 'VERSION', 'KEY ID', 'REMAINING', 'COUNTED'], ...rows])),
    `epoch ${epoch.current} of subjects' keys since ${epoch.rolledAt}, ${count(epoch.remaining)} keys still under an older one`,
  ];
}
