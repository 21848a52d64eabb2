import { FAULTS_OF_KEYS, RETENTION_FAULTS_OF_ALL, RETENTION_OPERATIONS, type RetentionArgsInput, type RetentionContext, type RetentionOperation, type RetentionResult } from '@countersign/contracts';
import { sessionDigest } from '@countersign/credentials';
import { IdentityClientError } from '@countersign/identity-client';
import type { z } from 'zod';
import type { ProblemCode } from '../http/fault-status.js';
import type { Call, Route } from './route.js';

const OF_CALLERS: readonly ProblemCode[] = ['UNAUTHENTICATED', 'API_KEY_MALFORMED', ...FAULTS_OF_KEYS];

type Given = Omit<Route, 'emits' | 'faults' | 'handle' | 'status' | 'answer'>;

/** A route that is one operation of retention: events, faults and answer are those of its contract. */
export function retentionRoute<O extends RetentionOperation>(
  operation: O,
  given: Given & {
    readonly status?: 200 | 201 | 202;
    readonly args: (call: Call) => RetentionArgsInput<O>;
    /** What of the result is told; absent: nothing, 204. */
    readonly tell?: { readonly schema: z.ZodType; readonly pick: (result: RetentionResult<O>) => unknown };
  },
): Route {
  const { args, tell, status, ...rest } = given;
  const contract: { readonly faults: readonly ProblemCode[]; readonly emits?: readonly string[] } = RETENTION_OPERATIONS[operation];
  return {
    ...rest,
    status: tell === undefined ? 204 : (status ?? 200),
    ...(tell === undefined ? {} : { answer: tell.schema }),
    emits: rest.method === 'GET' ? [] : (contract.emits ?? []),
    faults: [...new Set([...RETENTION_FAULTS_OF_ALL, ...contract.faults, ...OF_CALLERS])],
    handle: async (call, { retention }) => {
      const result = await retention.ask(operation, retentionContextOf(call), args(call));
      return tell === undefined ? {} : { body: tell.pick(result) };
    },
  };
}

/** What stands for the caller's session or key is handed on, and neither of them (docs/adr/0029). Throws IdentityClientError UNAUTHENTICATED. */
function retentionContextOf({ context: { ip, userAgent, correlationId, commandId, session }, caller }: Call): RetentionContext {
  const from = { ip, userAgent, correlationId, ...(commandId === undefined ? {} : { commandId }) };
  if (caller?.principal.kind === 'person' && session !== undefined) return { ...from, standIn: { sessionDigest: sessionDigest(session) } };
  if (caller === undefined || caller.principal.kind === 'person') throw new IdentityClientError('UNAUTHENTICATED', 'sign in first');
  const { keyId, keyDigest } = caller.principal;
  return { ...from, standIn: { keyId, keyDigest } };
}
