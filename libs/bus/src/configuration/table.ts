import { BUS_ACCOUNTS, BUS_EXCEPTIONS, BUS_RIGHTS, busAccountOf, type BusRightKind } from '@countersign/contracts';
import { permissionsOf } from './permissions.js';

const MEANING: Readonly<Record<BusRightKind, string>> = {
  store: 'publishes into a stream of the ledger',
  ask: 'asks, and hears the answer',
  tell: 'tells',
  hear: 'listens, within its account',
  use: 'uses JetStream, within its account',
};

const code = (subject: string): string => `\`${subject}\``;
const row = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

/** The declared rights as the page docs/operations/bus-rights.md. */
export function rightsPage(): string {
  const rights = BUS_RIGHTS.map(({ kind, subject, from, to }) => row(code(subject), from, MEANING[kind], to.join(', ')));
  const exceptions = Object.entries(BUS_EXCEPTIONS).map(([user, subjects]) => `- **${user}** may not publish ${subjects.map(code).join(', ')}.`);
  const users = Object.keys(BUS_ACCOUNTS).filter((user) => user !== 'system').map((user) => {
    const { publish, subscribe, subscribeNot } = permissionsOf(user);
    const but = subscribeNot.length === 0 ? '' : `, but ${subscribeNot.map(code).join(', ')}`;
    return row(user, busAccountOf(user), publish.map(code).join(' '), subscribe.map(code).join(' ') + but);
  });
  return `# Rights on the bus

Made by \`npm run bus-config\` from \`libs/contracts/src/bus-rights.ts\`, as the configurations in \`deploy/nats\` and that of \`npm start\` are; a test
holds them together, and another tries every cell on a real server. What has no line is refused. Why accounts:
[ADR 0006](../adr/0006-nats-accounts.md), why one declaration: [ADR 0040](../adr/0040-one-declaration-of-rights-on-the-bus.md).

## Who may do what
| subject | who | does | heard by |
|---|---|---|---|
${rights.join('\n')}

${exceptions.join('\n')}

Customers' services have an account each: one that sends events under a source may publish \`intake.<source>.*\` and hear its receipts, refusals,
checkpoints and verdicts; one that holds data may publish \`holder-types.<organisation>.<service>\` and answer
\`holders.<organisation>.<service>.*\` ([how to add them](../../deploy/nats/README.md#customers-services)).

## What nats-server is told
| user | account | publish | subscribe |
|---|---|---|---|
${users.join('\n')}

\`_INBOX.>\` is that of the user's own account, where nobody else is; \`_R_.>\` is where nats-server has answers to another account sent. There are no
passwords: the server knows public nkeys. \`system\` sees the server's own account and nothing of the others.
`;
}
