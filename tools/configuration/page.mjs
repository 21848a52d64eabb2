// The page of every variable of every service: `npm run configuration` writes it, a test holds it against the sources.
import { readConstants, readSecrets, readVariables } from './read-variables.mjs';

export const PAGE = 'docs/operations/configure.md';

const CONSTANTS = ['libs/credentials/src/password-record.ts', 'apps/identity/src/mail/smtp.ts'];
/** Defaults that no variable could hold. */
const IN_WORDS = [['PART_CLASSES_DEFAULT', "'those of the platform'"]];

/** By program: its title, and the schemas that it reads. Secrets are by the service's name. */
const PROGRAMS = [
  { title: 'Edge', schemas: ['apps/edge/src/config.ts schema'] },
  { title: 'Ledger', schemas: ['apps/ledger/src/config.ts schema'], secrets: 'ledger' },
  { title: 'Keys', schemas: ['apps/keys/src/config.ts schema', 'apps/keys/src/root/open-root-key.ts choice'], secrets: 'keys' },
  ...[
    ['file', 'in a sealed file'],
    ['kms', 'in AWS KMS'],
    ['vault', 'in a Vault'],
  ].map(([schema, where]) => ({ title: `Root key ${where}`, note: `Of keys, with \`KEYS_ROOT_PROVIDER=${schema === 'kms' ? 'aws-kms' : schema}\`.`, schemas: [`apps/keys/src/root/open-root-key.ts ${schema}`] })),
  { title: 'Identity', schemas: ['apps/identity/src/config.ts schema'], secrets: 'identity' },
  { title: 'Retention', schemas: ['apps/retention/src/config.ts schema'], secrets: 'retention' },
  { title: 'Traces', note: 'Of every service ([traces](traces.md)).', schemas: ['libs/tracing/src/tracing-config.ts schema'] },
  { title: 'Where secrets are', note: 'Of ledger, keys, identity and retention.', schemas: ['libs/secrets/src/secret-config.ts schema'] },
  { title: 'Vault', note: 'Read where secrets or the root key lie in one.', schemas: ['libs/vault/src/vault-config.ts schema'] },
  ...['ledger', 'keys', 'identity', 'retention'].map((name) => ({ title: `Provisioning of ${name}`, note: 'The step that makes its database and roles, and migrates (`/app/provision.mjs` of its image).', schemas: [`apps/${name}/src/provision-main.ts schema`] })),
  ...['ledger', 'keys', 'identity', 'retention'].map((name) => ({ title: `Migrations of ${name}`, note: 'The step that migrates and nothing else (`/app/migrate.mjs` of its image); `--dry-run` writes what would run, and changes nothing.', schemas: [`apps/${name}/src/migrate-main.ts schema`] })),
  { title: 'Provisioning of the bus', note: 'The step that makes streams (`/app/apps/ledger/dist/provision-bus-main.js`; with `--keep` it stays and makes lost ones again).', schemas: ['apps/ledger/src/provision-bus-main.ts schema'] },
];

/** What is the same everywhere, by the end of the name, where no comment says it. */
const COMMON = [
  ['COUNTERSIGN_DEPLOYMENT', 'Name of the deployment and 8 to 16 random hexadecimal digits, such as `production-7f3a9c21`: what its databases are stamped with ([upgrade](upgrade.md#stamps)).'],
  ['_NATS_URL', 'Of the bus: `nats://host:port`, or `tls://host:port` with certificates of clients.'],
  ['_NATS_TLS_DIR', 'Folder with `ca.crt`, `tls.crt` and `tls.key` for the bus; without it the connection is plain.'],
  ['_HTTP_HOST', 'Address that health and metrics are served at (of the ledger, its reading side as well): never public, it asks for no password.'],
  ['_HTTP_PORT', 'Port of the same.'],
  ['_HTTPS_HOST', 'Address that people and programs reach it at.'],
  ['_HTTPS_PORT', 'Port of the same.'],
  ['_OPERATIONS_PORT', 'Port of the same.'],
  ['_LOG_LEVEL', 'The least severe lines that are logged.'],
  ['_ADMIN_DATABASE_URL_FILE', 'File with the connection URL of a superuser.'],
  ['_OWNER_DATABASE_URL_FILE', 'File with the connection URL of the role that owns the database.'],
  ['_DATABASE_NAME', 'Of the database that it makes.'],
];

const meaningOf = (name, meaning) => (meaning === '' ? (COMMON.find(([end]) => name.endsWith(end))?.[1] ?? '') : meaning);

/** Files with schemas of variables that the page does not show would be forgotten: the test compares. */
export const shownFiles = () => [...new Set(PROGRAMS.flatMap(({ schemas }) => schemas.map((schema) => schema.split(' ')[0])))].toSorted();

/**
 * @param {string} root
 * @returns {{ title: string, note: string | undefined, variables: import('./read-variables.mjs').Variable[], secrets: import('./read-variables.mjs').Variable[] }[]}
 */
export function readPrograms(root) {
  const constants = new Map([...readConstants(CONSTANTS.map((path) => `${root}/${path}`)), ...IN_WORDS]);
  const allSecrets = readSecrets(`${root}/libs/secrets/src/service-secrets.ts`);
  return PROGRAMS.map(({ title, note, schemas, secrets }) => ({
    title,
    note,
    variables: schemas.flatMap((schema) => {
      const [path, name] = schema.split(' ');
      const found = readVariables(`${root}/${path}`, constants).get(name);
      if (found === undefined) throw new Error(`${path} has no schema ${name}`);
      return found.map((variable) => ({ ...variable, meaning: meaningOf(variable.name, variable.meaning) }));
    }),
    secrets: secrets === undefined ? [] : (allSecrets.get(secrets) ?? []),
  }));
}

const cell = (text) => text.replaceAll('|', '\\|');
/** Files that hold a secret, of a program whose secrets come as files alone. */
const holdsSecret = (name) => /(SEED|TOKEN|SECRET_ID|JWT|DATABASE_URL|REDIS_URL|TLS_KEY)_FILE$|ROLE_PASSWORDS_DIR$/.test(name);

function row({ name, kind, fallback, isRequired, meaning }) {
  const value = fallback === undefined ? (isRequired ? '**required**' : '') : fallback === '' ? 'empty' : fallback.includes(' ') ? fallback : `\`${fallback}\``;
  const secret = holdsSecret(name) ? 'Holds a secret. ' : '';
  return `| \`${name}\` | ${cell(kind)} | ${cell(value)} | ${cell(`${secret}${meaning}`.trim())} |`;
}

const secretRow = ({ name, isRequired, meaning }) => `| \`${name}\` | ${isRequired ? '**required**' : ''} | ${cell(meaning)} |`;

/** @param {string} root */
export function configurationPage(root) {
  const sections = readPrograms(root).flatMap(({ title, note, variables, secrets }) => [
    `## ${title}`,
    ...(note === undefined ? [] : [note, '']),
    '| variable | value | default | |',
    '|---|---|---|---|',
    ...variables.map(row),
    '',
    ...(secrets.length === 0 ? [] : ['| secret | | |', '|---|---|---|', ...secrets.map(secretRow), '']),
  ]);
  return [
    '# Configure',
    '',
    '<!-- Made by "npm run configuration" from the schemas of the services. Do not change it here: a test holds both together. -->',
    '',
    'Every variable of every service. One that is missing or bad stops the start: the program ends with 78 and names it, never its value. An empty one counts as missing. Where the default is',
    'empty the variable may be left out.',
    '',
    'A secret `NAME` comes from a file (`NAME_FILE` holds its path) or from a secrets manager (`NAME_SECRET` holds its name there, see [where secrets are](#where-secrets-are)); in the variable `NAME`',
    'itself only where `COUNTERSIGN_ENVIRONMENT` is `development`. Files are read again when they change ([secret-rotation](runbooks/secret-rotation.md)).',
    '',
    ...sections,
  ].join('\n').trimEnd().concat('\n');
}
