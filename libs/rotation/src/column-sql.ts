import { checkColumn, type EncryptedColumn } from './encrypted-column.js';

/** `v2:`, a key id of 64 characters and its colon: enough of a text to know its key, however long it is. */
const HEAD_CHARACTERS = 68;

const keyIdOf = (text: string): string => `split_part(left(${text}, ${HEAD_CHARACTERS}), ':', 2)`;

/** Of a value in pieces the first stands for all: they are sealed one after the other. {@link anyPieceSql} misses none. */
export const keyIdSql = ({ column, type }: EncryptedColumn): string => `(${keyIdOf(type === 'text' ? column : `${column}[1]`)} COLLATE "C")`;

/** A condition: some piece of the value lies under the key `$1`. No index serves it. */
export const anyPieceSql = ({ column, type }: EncryptedColumn): string =>
  type === 'text' ? `${keyIdOf(column)} = $1` : `EXISTS (SELECT FROM unnest(${column}) AS piece WHERE ${keyIdOf('piece')} = $1)`;

/**
 * For the service's own migrations, run as the owner: an index by key id for each column, and a role's rights to find and
 * re-encrypt rows and nothing else. The role may log in, and may reach the database and the schema. Throws RangeError.
 */
export function rotationMigrationSql(columns: readonly EncryptedColumn[], role: string): string {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(role)) throw new RangeError('role must be a lower-case SQL name');
  return columns.map((each) => columnSql(checkColumn(each), role)).join('');
}

function columnSql(declared: EncryptedColumn, role: string): string {
  const { table, column, key, names = [] } = declared;
  const index = `${table.slice(table.indexOf('.') + 1)}_${column}_key_id`.slice(0, 63);
  const keys = key.map((each) => each.column);
  return `
CREATE INDEX ${index} ON ${table} (${[keyIdSql(declared), ...keys].join(', ')});
GRANT SELECT (${[...new Set([...keys, ...names, column])].join(', ')}), UPDATE (${column}) ON ${table} TO ${role};
`;
}
