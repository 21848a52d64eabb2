/** What of an OpenAPI document is walked: which routes there are, and what they take. */
export interface JsonSchema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly items?: JsonSchema;
  /** False: no other members; absent or a schema: there may be. */
  readonly additionalProperties?: unknown;
  readonly pattern?: string;
  readonly format?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly minItems?: number;
}

export interface ApiParameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly schema: JsonSchema;
}

export interface ApiRoute {
  readonly method: string;
  /** Parameters as `{name}`. */
  readonly path: string;
  readonly parameters: readonly ApiParameter[];
  /** Of a JSON body; undefined: it takes none. */
  readonly body: JsonSchema | undefined;
  readonly access: {
    readonly kind: string;
    readonly permission?: string;
    /** Of `session`: what identity asks for over one's own. */
    readonly asks?: string;
    /** Kind of program that alone may call. */
    readonly only?: string;
    /** Names, in braces, of the parameters that name whom or what it is about; `{caller}`: the organisation in which the caller acts. */
    readonly over?: { readonly userId?: string; readonly organization?: string };
  };
  readonly emits: readonly string[];
}

interface Operation {
  readonly parameters?: readonly ApiParameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: JsonSchema }>> };
  readonly 'x-access': ApiRoute['access'];
  readonly 'x-emits'?: readonly string[];
}

export const nameOf = ({ method, path }: Pick<ApiRoute, 'method' | 'path'>): string => `${method} ${path}`;

/** The routes of the edge's document, as JSON or parsed. */
export function apiRoutes(document: unknown): ApiRoute[] {
  const { paths } = (typeof document === 'string' ? JSON.parse(document) : document) as { paths: Record<string, Record<string, Operation>> };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      parameters: operation.parameters ?? [],
      body: operation.requestBody?.content['application/json']?.schema,
      access: operation['x-access'],
      emits: operation['x-emits'] ?? [],
    })),
  );
}

/** The path with its parameters. Throws Error for one that has no value. */
export function pathOf(path: string, values: Readonly<Record<string, string>>): string {
  return path.replace(/\{([^}]+)\}/g, (_all, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`${path}: what is a {${name}}? Tests need one to try the route with`);
    return value;
  });
}

const TEXTS = [
  'home', 'viewer', 'Somebody', 'correct horse battery staple', 'somebody@example.com', '123456', '7', 'identity', '2026-01-31T09:30:00.000Z', '2026-01-31',
  'A'.repeat(43), 'A'.repeat(22), 'https://example.com', '01890a5d-ac96-774b-bcce-b302099a8057', '192.0.2.1', 'event.write', '+15550100', 'identity.user.registered', 'AAAA', 'http.app.thing.done',
];

/** Some value that the schema takes, as far as a schema says. Throws Error when none is known: give the schema an example. */
export function validSample(schema: JsonSchema, where: string): unknown {
  if (schema.examples !== undefined && schema.examples.length > 0) return schema.examples[0];
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  const choice = schema.anyOf?.[0] ?? schema.oneOf?.[0];
  if (choice !== undefined) return validSample(choice, where);
  switch (schema.type) {
    case 'object':
      return Object.fromEntries((schema.required ?? []).map((name) => [name, validSample(schema.properties?.[name] ?? {}, `${where}.${name}`)]));
    case 'array':
      return Array.from({ length: schema.minItems ?? 0 }, () => validSample(schema.items ?? {}, `${where}[]`));
    case 'string':
      return text(schema, where);
    case 'integer':
    case 'number':
      return schema.minimum ?? 1;
    case 'boolean':
      return true;
    default:
      return {};
  }
}

function text({ minLength = 0, maxLength = Number.MAX_SAFE_INTEGER, pattern, format, allOf = [] }: JsonSchema, where: string): string {
  const patterns = [pattern, ...allOf.map((each) => each.pattern)].filter((one) => one !== undefined).map((one) => new RegExp(one, 'u'));
  const isFormat = (one: string): boolean => format !== 'email' || one.includes('@');
  const found = TEXTS.find((one) => one.length >= minLength && one.length <= maxLength && isFormat(one) && patterns.every((each) => each.test(one)));
  if (found === undefined) throw new Error(`${where}: no text is known that is ${JSON.stringify({ pattern, format })}: give its schema an example`);
  return found;
}
