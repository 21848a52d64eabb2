import { IDENTITY_OPERATIONS, FAULTS_OF_ALL, FAULTS_OF_KEYS, type IdentityArgsInput, type IdentityOperation, type IdentityResult } from '@countersign/contracts';
import type { FastifyReply } from 'fastify';
import type { z } from 'zod';
import type { ProblemCode } from '../http/fault-status.js';
import type { Call, Route } from './route.js';

const OF_SESSIONS: readonly ProblemCode[] = ['UNAUTHENTICATED', 'FORBIDDEN', 'MFA_ENROLLMENT_REQUIRED', 'STEP_UP_REQUIRED', 'PASSWORD_CHANGE_REQUIRED', 'CONFLICT', 'API_KEY_MALFORMED', ...FAULTS_OF_KEYS];

type Given = Omit<Route, 'emits' | 'faults' | 'handle' | 'status' | 'answer' | 'operation'>;

/** A route that is one operation of identity: events, faults and answer are those of its contract. */
export function identityRoute<O extends IdentityOperation>(
  operation: O,
  given: Given & {
    readonly status?: 200 | 201 | 202;
    readonly args: (call: Call) => IdentityArgsInput<O>;
    /** What of the result is told; absent: nothing, 204. */
    readonly tell?: { readonly schema: z.ZodType; readonly pick: (result: IdentityResult<O>) => unknown };
    readonly cookies?: (reply: FastifyReply, result: IdentityResult<O>) => void;
  },
): Route {
  const { args, tell, cookies, status, ...rest } = given;
  const contract: { readonly auth: string; readonly faults: readonly ProblemCode[]; readonly emits?: readonly string[] } = IDENTITY_OPERATIONS[operation];
  return {
    ...rest,
    operation,
    status: tell === undefined ? 204 : (status ?? 200),
    ...(tell === undefined ? {} : { answer: tell.schema }),
    emits: rest.method === 'GET' ? [] : (contract.emits ?? []),
    faults: [...new Set([...FAULTS_OF_ALL, ...contract.faults, ...(contract.auth === 'session' ? OF_SESSIONS : [])])],
    handle: async (call, { identity }) => {
      const result = await identity.ask(operation, call.context, args(call));
      return {
        ...(tell === undefined ? {} : { body: tell.pick(result) }),
        ...(cookies === undefined ? {} : { cookies: (reply: FastifyReply) => cookies(reply, result) }),
      };
    },
  };
}
