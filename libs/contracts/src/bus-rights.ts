/**
 * Who may do what on the bus: the one declaration from which the configuration of nats-server (libs/bus), the table of
 * docs/operations/bus-rights.md and the test that tries every cell on a real server are made. What has no line is refused.
 */

/** Users of the bus and their accounts. An account is what separates: nothing passes between two but what a line lets pass. */
export const BUS_ACCOUNTS = {
  ledger: 'LEDGER',
  provisioner: 'LEDGER',
  keys: 'KEYS',
  identity: 'IDENTITY',
  retention: 'RETENTION',
  edge: 'EDGE',
  backup: 'BACKUP',
  services: 'SERVICES',
  operator: 'OPERATORS',
  system: 'SYS',
} as const;

export type BusUser = keyof typeof BUS_ACCOUNTS;

/**
 * store: the first publishes into a stream of the ledger's, and JetStream answers.
 * ask: the first publishes, the others hear it and answer in the inbox of who asked.
 * tell: the first publishes, the others hear it.
 * hear: the first listens within its own account; grants nobody else anything.
 * use: the first publishes within its own account to JetStream, and hears answers.
 */
export type BusRightKind = 'store' | 'ask' | 'tell' | 'hear' | 'use';

export interface BusRight {
  readonly kind: BusRightKind;
  readonly subject: string;
  readonly from: string;
  readonly to: readonly string[];
}

const right = (kind: BusRightKind) => (subject: string, from: string, ...to: string[]): BusRight => ({ kind, subject, from, to });
const [store, ask, tell, hear, use] = [right('store'), right('ask'), right('tell'), right('hear'), right('use')];

export const BUS_RIGHTS: readonly BusRight[] = [
  // events on their way into the ledger
  store('intake.ledger.*', 'ledger'),
  store('intake._probe._', 'ledger'),
  store('intake.keys.*', 'keys'),
  store('intake.identity.*', 'identity'),
  store('intake.retention.*', 'retention'),
  store('intake.http.*', 'edge'),
  store('intake.backup.*', 'backup'),
  store('intake.*.*', 'services'),

  // what the ledger says, and nobody else
  ...['keys', 'identity', 'retention', 'backup'].flatMap((name) => [tell(`ledger.receipt.${name}`, 'ledger', name), tell(`ledger.refused.${name}`, 'ledger', name)]),
  tell('ledger.receipt.http', 'ledger', 'edge'),
  tell('ledger.refused.http', 'ledger', 'edge'),
  tell('ledger.receipt.*', 'ledger', 'services'),
  tell('ledger.refused.*', 'ledger', 'services'),
  tell('ledger.checkpoint.*', 'ledger', 'services'),
  tell('ledger.integrity.*', 'ledger', 'services', 'retention'),

  // questions to the key service, each in the asker's own name
  ask('keys.*.ledger', 'ledger', 'keys'),
  ask('keys.*.identity', 'identity', 'keys'),
  ask('keys.*.retention', 'retention', 'keys'),
  ask('keys.*.edge', 'edge', 'keys'),
  ask('keys.*.operator', 'operator', 'keys'),
  tell('keys-erased.*', 'keys', 'ledger', 'identity', 'retention', 'edge', 'services'),
  hear('keys.>', 'keys'),

  // questions to identity, and revocations
  ask('identity.*.edge', 'edge', 'identity'),
  ask('identity.*.operator', 'operator', 'identity'),
  ask('identity.principal.retention', 'retention', 'identity'),
  ask('identity-acked.*', 'edge', 'identity'),
  tell('identity-revoked', 'identity', 'edge'),
  hear('identity.*.*', 'identity'),

  // questions to and of retention
  ask('retention.*.edge', 'edge', 'retention'),
  ask('retention.*.identity', 'identity', 'retention'),
  ask('identity.*', 'retention', 'identity'),
  ask('ledger.*', 'retention', 'ledger'),
  ask('holders.*.*', 'retention', 'services'),
  ask('holder-types.system.backup', 'backup', 'retention'),
  ask('holders.system.backup.*', 'retention', 'backup'),
  hear('retention.*.*', 'retention'),
  hear('holder-types.*.*', 'retention'),

  // JetStream: what the ledger consumes with, and what streams are made with
  store('waiting.>', 'ledger'),
  ...['INTAKE', 'WAITING'].flatMap((stream) => [
    use(`$JS.API.STREAM.INFO.${stream}`, 'ledger'),
    use(`$JS.API.CONSUMER.INFO.${stream}.ledger`, 'ledger'),
    use(`$JS.API.CONSUMER.MSG.NEXT.${stream}.ledger`, 'ledger'),
    use(`$JS.ACK.${stream}.ledger.>`, 'ledger'),
    ...['INFO', 'CREATE', 'UPDATE', 'DELETE', 'MSG.GET'].map((verb) => use(`$JS.API.STREAM.${verb}.${stream}`, 'provisioner')),
    ...['INFO', 'CREATE', 'DURABLE.CREATE', 'DELETE'].map((verb) => use(`$JS.API.CONSUMER.${verb}.${stream}.ledger`, 'provisioner')),
  ]),
  store('intake._probe._', 'provisioner'),
  use('$JS.API.STREAM.LIST', 'provisioner'),
];

/** What a right over a family of subjects leaves out: nobody sends events in the name of one of these. */
export const BUS_EXCEPTIONS: Readonly<Record<string, readonly string[]>> = {
  services: ['http', 'ledger', 'keys', 'identity', 'retention', 'backup', '_probe'].map((source) => `intake.${source}.*`),
};

/** A customers' service that holds data (docs/spec/holders.md): it registers its types and answers retention. */
export const holderRights = (tenant: string, service: string): readonly BusRight[] => {
  const user = holderUser(tenant, service);
  return [ask(`holder-types.${tenant}.${service}`, user, 'retention'), ask(`holders.${tenant}.${service}.*`, 'retention', user)];
};

/** A service that sends events under one source, and hears what becomes of them. */
export const producerRights = (source: string): readonly BusRight[] => {
  const user = producerUser(source);
  return [
    store(`intake.${source}.*`, user),
    tell(`ledger.receipt.${source}`, 'ledger', user),
    tell(`ledger.refused.${source}`, 'ledger', user),
    tell('ledger.checkpoint.*', 'ledger', user),
    tell('ledger.integrity.*', 'ledger', user),
  ];
};

export const holderUser = (tenant: string, service: string): string => `holder-${tenant}.${service}`;
export const producerUser = (source: string): string => `producer-${source}`;

/** The account of a user; those of customers have one each. */
export function busAccountOf(user: string): string {
  const known = (BUS_ACCOUNTS as Readonly<Record<string, string>>)[user];
  return known ?? user.replace('-', '_').toUpperCase();
}
