/** PostgreSQL, appendix A: classes 08 (connection), 53 (resources), 57P (shutdown, starting up). */
const DATABASE_AWAY = /^(08|53|57P)/;
/** Serialization failure, deadlock. */
const MET_ANOTHER = new Set(['40001', '40P01']);
/** Node's own, of a connection that is refused or breaks. */
const NO_CONNECTION = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOENT', 'ETIMEDOUT']);

const codeOf = (error: unknown): string => {
  const code = (error as { readonly code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
};

/** Whether a transaction failed because it met another one: asked again it may succeed. */
export const metAnother = (error: unknown): boolean => MET_ANOTHER.has(codeOf(error));

/** Whether a database, or a connection, is away for now. */
export const isAway = (error: unknown): boolean => DATABASE_AWAY.test(codeOf(error)) || NO_CONNECTION.has(codeOf(error));
