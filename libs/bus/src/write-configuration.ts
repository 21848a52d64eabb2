import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BUS_EXCEPTIONS, BUS_RIGHTS, holderRights, holderUser, producerRights, producerUser } from '@countersign/contracts';
import { deploymentConfig } from './configuration/deployment.js';
import { rightsPage } from './configuration/table.js';

/** Writes the configurations of a deployment, and beside the repository's own the page of the rights. */
const { values } = parseArgs({
  options: {
    out: { type: 'string', default: 'deploy/nats' },
    page: { type: 'string', default: 'docs/operations/bus-rights.md' },
    /** `<source>=<public nkey>`, and `<organisation>.<service>=<public nkey>`. */
    producer: { type: 'string', multiple: true, default: [] },
    holder: { type: 'string', multiple: true, default: [] },
  },
});

const WORD = /^[a-z0-9][a-z0-9-]{0,63}$/;
const NKEY = /^U[A-Z2-7]{55}$/;

function named(option: string, given: string, words: number): { names: string[]; nkey: string } {
  const at = given.indexOf('=');
  const [names, nkey] = [given.slice(0, at).split('.'), given.slice(at + 1)];
  // Whatever else stands here would become part of a subject, or of the configuration.
  if (names.length !== words || !names.every((name) => WORD.test(name)) || !NKEY.test(nkey)) throw new Error(`--${option} ${given}: give <name>=<public nkey of a user>`);
  // Sources of the platform are its own: a right to one would be a right to speak for it.
  if (option === 'producer' && BUS_EXCEPTIONS['services']!.includes(`intake.${names[0]!}.*`)) throw new Error(`--producer ${given}: the platform sends under this source`);
  if (option === 'holder' && BUS_RIGHTS.some(({ subject }) => subject === `holder-types.${names.join('.')}`)) throw new Error(`--holder ${given}: this one is the platform's`);
  return { names, nkey };
}

const producers = values.producer.map((given) => named('producer', given, 1));
const holders = values.holder.map((given) => named('holder', given, 2));
const keys = [
  ...producers.map(({ names: [source], nkey }) => ({ user: producerUser(source!), nkey })),
  ...holders.map(({ names: [tenant, service], nkey }) => ({ user: holderUser(tenant!, service!), nkey })),
];
const more = [...producers.flatMap(({ names: [source] }) => producerRights(source!)), ...holders.flatMap(({ names: [tenant, service] }) => holderRights(tenant!, service!))];

mkdirSync(values.out, { recursive: true });
writeFileSync(join(values.out, 'one-node.conf'), deploymentConfig({ nodes: 1, keys, more }));
writeFileSync(join(values.out, 'three-nodes.conf'), deploymentConfig({ nodes: 3, keys, more }));
if (keys.length === 0) writeFileSync(values.page, rightsPage());
