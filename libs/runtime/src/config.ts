import type { z } from 'zod';

/** One environment variable that keeps the program from starting. */
export interface BadVariable {
  readonly name: string;
  /** What is wrong, without the value: the value may be a secret. */
  readonly problem: string;
}

export class ConfigError extends Error {
  readonly code = 'BAD_CONFIG';
  constructor(readonly variables: readonly BadVariable[]) {
    super(`bad configuration: ${variables.map(({ name, problem }) => `${name} ${problem}`).join('; ')}`);
    this.name = 'ConfigError';
  }
}

export type Environment = Readonly<Record<string, string | undefined>>;

function problem(issue: z.core.$ZodIssue, value: string | undefined): string {
  if (value === undefined && issue.path.length > 0) return 'is missing';
  // Messages of the schema's own checks may quote the value.
  const quotes = value !== undefined && issue.message.includes(value);
  return quotes ? `is invalid (${issue.code})` : `is invalid: ${issue.message}`;
}

function freeze<T>(value: T): T {
  if (value !== null && typeof value === 'object' && !ArrayBuffer.isView(value)) {
    for (const inner of Object.values(value)) freeze(inner);
    Object.freeze(value);
  }
  return value;
}

/**
 * Reads the configuration once, at the start. The schema's keys are the variables' names; an empty variable counts
 * as missing, as in `docker run -e NAME=`.
 * @returns a frozen value
 * @throws {ConfigError} naming every bad variable, never a value
 */
export function parseConfig<Schema extends z.ZodObject>(schema: Schema, env: Environment): Readonly<z.output<Schema>> {
  const known = Object.fromEntries(Object.keys(schema.shape).map((name) => [name, env[name] === '' ? undefined : env[name]]));
  const result = schema.safeParse(known);
  if (result.success) return freeze(result.data);
  const variables = new Map<string, BadVariable>();
  for (const issue of result.error.issues) {
    const name = String(issue.path[0] ?? '(configuration)');
    if (!variables.has(name)) variables.set(name, { name, problem: problem(issue, known[name]) });
  }
  throw new ConfigError([...variables.values()]);
}
