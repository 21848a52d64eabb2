import { readFileSync } from 'node:fs';

/** The tables of docs/spec/access.md: what people are told that each role may do. Expected decisions follow from them, not from code. */
const PAGE = new URL('../../../../docs/spec/access.md', import.meta.url);

/** From narrow to wide, as the page writes them. */
const REACH = ['', 'own', 'org', 'all'] as const;
type Reach = (typeof REACH)[number];

export interface RecordedRole {
  readonly role: string;
  readonly isForPersons: boolean;
  /** Where it can be given. */
  readonly levels: readonly ('organization' | 'platform')[];
}

export interface RecordedGrants {
  readonly roles: readonly RecordedRole[];
  /** How far a permission reaches for whoever holds this role there. */
  reach(role: string, level: 'organization' | 'platform', permission: string): Reach;
}

export const reaches = (held: Reach, needed: Exclude<Reach, ''>): boolean => REACH.indexOf(held) >= REACH.indexOf(needed);

export function recordedGrants(): RecordedGrants {
  const page = readFileSync(PAGE, 'utf8');
  const rowsOf = (name: string): string[][] => {
    const [, table = ''] = new RegExp(`<!-- table: ${name} -->\\n([\\s\\S]*?)<!-- end -->`).exec(page) ?? [];
    return table.trim().split('\n').map((line) => line.slice(1, -1).split('|').map((cell) => cell.trim().replaceAll('`', '')));
  };
  const roles = rowsOf('roles').slice(2).map(([role = '', levels = '', , holder]): RecordedRole => ({ role, isForPersons: holder === 'person', levels: levels.split(', ') as RecordedRole['levels'] }));
  const scopes = new Map(rowsOf('permissions').slice(2).map(([permission = '', where = '']) => [permission, where.split(' ')]));
  const [head = [], , ...grants] = rowsOf('grants');
  const cells = new Map(grants.flatMap(([permission = '', ...reach]) => reach.map((one, at) => [`${head[at + 1] ?? ''} ${permission}`, one as Reach])));
  return {
    roles,
    reach(role, level, permission) {
      const cell = cells.get(`${role} ${permission}`);
      if (cell === undefined) throw new Error(`${permission} of ${role} is not in docs/spec/access.md`);
      if (level === 'platform' || cell !== 'all') return cell;
      // In an organisation nothing reaches further than that, and what is only ever global falls away.
      return scopes.get(permission)!.includes('org') ? 'org' : '';
    },
  };
}
