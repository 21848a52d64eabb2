import { hash } from 'node:crypto';
import { IDENTITY_OPERATIONS, type IdentityArgs, type IdentityOperation, type IdentityOperationContract, type IdentityResult } from '@countersign/contracts';
import { IdentityFault } from '../domain/identity-fault.js';
import type { Flows } from '../parts.js';
import { current } from '../session/sessions.js';
import type { CommandRows, DoneCommand } from '../store/command-rows.js';
import type { Asker } from './asker.js';

/** As long as an id of 16 bytes in base64url. */
const ID_CHARS = 22;

/** Id of what a request makes: the same when it is asked again under its command id. */
export function idFor({ command: { commandId } }: Pick<Asker, 'command'>, newId: () => string): string {
  return commandId === undefined ? newId() : hash('sha256', `made by ${commandId}`, 'base64url').slice(0, ID_CHARS);
}

type Again<O extends IdentityOperation> = (flows: Flows, done: DoneCommand, args: IdentityArgs<O>, asker: Asker) => Promise<IdentityResult<O> | undefined>;

/** What is told again, of the operations that tell anything but secrets. Undefined: it cannot be told any more. */
const AGAIN: { readonly [O in IdentityOperation]?: Again<O> } = {
  'service-account-create': async (_flows, { id }) => ({ accountId: id }),
  'member-invite': ({ invitations }, { tenant, id }) => invited({ invitations }, tenant, id),
  'user-create': ({ invitations }, { tenant, id }) => invited({ invitations }, tenant, id),
  'invitation-resend': async ({ invitations }, { tenant, id }) => {
    const known = await invited({ invitations }, tenant, id);
    return known && { expiresAt: known.expiresAt };
  },
  'policy-change': async ({ policies }, _done, { organization }) => {
    const row = await policies.find(organization);
    return row && { organization, version: Number(row.version), policy: row.policy, changedAt: row.changed_at.toISOString() };
  },
  // All of them had ended.
  'session-revoke-all': async () => ({ revoked: 0 }),
  'step-up': (flows, _done, _args, asker) => current(flows, asker),
  'phone-enrol': async ({ phones }, { id }) => {
    const endsAt = await phones.codeEndsAt(id, 'enrol');
    return endsAt && { expiresAt: endsAt.toISOString() };
  },
};

async function invited({ invitations }: Pick<Flows, 'invitations'>, organization: string, id: string): Promise<{ readonly invitationId: string; readonly expiresAt: string } | undefined> {
  const row = await invitations.find(organization, id);
  return row && { invitationId: id, expiresAt: row.expires_at.toISOString() };
}

export interface RepeatedDependencies {
  readonly flows: Flows;
  readonly commands: CommandRows;
}

/** Answers requests that were carried out before, under the same command id, before anything of them is looked at: a proof that is good once was used. */
export class Repeated {
  constructor(private readonly deps: RepeatedDependencies) {}

  /** Undefined: it is to be carried out now. Throws COMMAND_DONE when what it told was told once, REQUEST_MALFORMED for somebody else's command. */
  async answerOf<O extends IdentityOperation>(operation: O, args: IdentityArgs<O>, asker: Asker): Promise<unknown> {
    const { flows, commands } = this.deps;
    const { commandId } = asker.command;
    const { emits, result }: IdentityOperationContract = IDENTITY_OPERATIONS[operation];
    const done = commandId === undefined || emits === undefined ? undefined : await commands.find(commandId);
    if (done === undefined) return undefined;
    if (done.actorId !== undefined && done.actorId !== asker.cause.actor.id) throw new IdentityFault('REQUEST_MALFORMED', 'the command id is of somebody else', { field: 'commandId' });
    // Whoever carried it out may have been killed before the edges heard of it.
    await flows.revocations.enforceOver(undefined);
    const told = (await AGAIN[operation]?.(flows, done, args, asker)) ?? (result.safeParse({}).success ? {} : undefined);
    if (told === undefined) throw commandDone();
    return told;
  }
}

export const commandDone = (cause?: unknown): IdentityFault => new IdentityFault('COMMAND_DONE', 'it was carried out, and its answer was told once', {}, { cause });
