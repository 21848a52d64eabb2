import { PERMISSIONS, roleSet, SEVERITY_RULES, SYSTEM_ROLES, widestScope, type Scope } from '../src/index.js';

/** The tables of docs/spec/access.md, as they follow from the data. */

const SHORT: Readonly<Record<Scope, string>> = { own: 'own', organization: 'org', global: 'all' };

const row = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(...head), `|${'---|'.repeat(head.length)}`, ...rows.map((cells) => row(...cells))].join('\n');

export function permissionTable(): string {
  const rows = PERMISSIONS.map(({ id, scopes, traits, description }) => [`\`${id}\``, scopes.map((scope) => SHORT[scope]).join(' '), traits.join(' '), description]);
  return table(['permission', 'scopes', 'traits', 'what it lets somebody do'], rows);
}

export function roleTable(): string {
  const rows = SYSTEM_ROLES.map(({ id, description, levels, needsMfa, holder }) => [
    `\`${id}\``,
    levels.map((level) => (level === 'global' ? 'platform' : level)).join(', '),
    needsMfa ? 'needed' : '',
    holder === 'person' ? 'person' : 'service account',
    description,
  ]);
  return table(['role', 'assigned in', 'second factor', 'holder', 'for'], rows);
}

export function grantTable(): string {
  const widest = SYSTEM_ROLES.map(({ id, levels }) => ({ id, set: roleSet(id, levels.includes('global') ? 'global' : 'organization') }));
  const rows = PERMISSIONS.map(({ id }) => [
    `\`${id}\``,
    ...widest.map(({ set }) => {
      const scope = widestScope(set, id);
      return scope === undefined ? '' : SHORT[scope];
    }),
  ]);
  return table(['', ...widest.map(({ id }) => id)], rows);
}

export function severityTable(): string {
  const rows = SEVERITY_RULES.map(({ id, types, outcomes, repeats, severity, why }) => [
    id,
    types.map((type) => `\`${type}\``).join(' '),
    outcomes.length === 3 ? 'any' : outcomes.join(', '),
    repeats === undefined ? '' : `${repeats.atLeast} in ${repeats.withinMs / 60_000} min, one ${repeats.of}`,
    severity,
    why,
  ]);
  return table(['rule', 'event types', 'outcome', 'from', 'severity', 'why'], rows);
}
