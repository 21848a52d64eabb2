import { BUS_ACCOUNTS, BUS_RIGHTS, busAccountOf, type BusRight } from '@countersign/contracts';
import { crossingsOf, permissionsOf, type BusUserKey, type Crossing, type Permissions } from './permissions.js';

const JETSTREAM_ACCOUNT = 'LEDGER';
const SYSTEM_ACCOUNT = 'SYS';

const list = (subjects: readonly string[]): string => `[${subjects.map((subject) => JSON.stringify(subject)).join(', ')}]`;

function permissions({ publish, publishNot, subscribe, subscribeNot }: Permissions): string {
  const side = (allow: readonly string[], deny: readonly string[]): string => {
    // An empty list would allow everything.
    if (allow.length === 0) return 'deny: [">"]';
    return `allow: ${list(allow)}${deny.length === 0 ? '' : `, deny: ${list(deny)}`}`;
  };
  return `        permissions {
          publish { ${side(publish, publishNot)} }
          subscribe { ${side(subscribe, subscribeNot)} }
        }
`;
}

function users(keys: readonly BusUserKey[], rights: readonly BusRight[]): string {
  const lines = keys.map(({ user, nkey }) => `      { # ${user}
        nkey: ${nkey}
${busAccountOf(user) === SYSTEM_ACCOUNT ? '' : permissions(permissionsOf(user, rights))}      }
`);
  return `    users: [
${lines.join('')}    ]
`;
}

const section = (name: string, lines: readonly string[]): string => (lines.length === 0 ? '' : `    ${name}: [\n${lines.map((line) => `      ${line}\n`).join('')}    ]\n`);

function account(name: string, keys: readonly BusUserKey[], rights: readonly BusRight[], crossings: readonly Crossing[]): string {
  const exported = crossings.filter(({ exporter }) => exporter === name);
  const imported = crossings.filter(({ importers }) => importers.includes(name));
  return `  ${name} {
${name === JETSTREAM_ACCOUNT ? '    jetstream: enabled\n' : ''}${users(keys, rights)}${section(
    'exports',
    exported.map(({ kind, subject, importers }) => `{ ${kind}: ${JSON.stringify(subject)}, accounts: [${importers.join(', ')}] }`),
  )}${section(
    'imports',
    imported.map(({ kind, subject, exporter }) => `{ ${kind}: { account: ${exporter}, subject: ${JSON.stringify(subject)} } }`),
  )}  }
`;
}

/**
 * The accounts of a nats-server by the declared rights.
 * @param keys every user of the platform, and those of customers; several of one user while its key is changed
 * @param more rights of customers' services (`holderRights`, `producerRights`), beside those of the platform
 */
export function accountsSection(keys: readonly BusUserKey[], more: readonly BusRight[] = []): string {
  const rights = [...BUS_RIGHTS, ...more];
  const crossings = crossingsOf(rights);
  const names = [...new Set([...Object.values(BUS_ACCOUNTS), ...keys.map(({ user }) => busAccountOf(user))])];
  const accounts = names.map((name) => account(name, keys.filter(({ user }) => busAccountOf(user) === name), rights, crossings));
  return `accounts {
${accounts.join('')}}
system_account: ${SYSTEM_ACCOUNT}
`;
}
