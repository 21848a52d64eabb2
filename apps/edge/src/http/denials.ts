import { REPORTED_DENIALS, type ReportedDenial, type RequestContext } from '@countersign/contracts';
import { IdentityClientError, type IdentityClient } from '@countersign/identity-client';
import type { Logger } from '@countersign/runtime';
import type { Route } from '../routes/route.js';
import { EdgeFault } from './edge-fault.js';

const REPORTED: ReadonlySet<string> = new Set(REPORTED_DENIALS);

export interface DenialsDependencies {
  readonly identity: Pick<IdentityClient, 'ask'>;
  readonly log: Pick<Logger, 'warn'>;
}

/**
 * Does what may be refused; a refusal that shows an attempt is put on record before it is answered. Identity records its own, and gathers
 * repeats. While it is away nothing is done in anybody's name either, and what was refused stands in the log.
 */
export async function onRecord<T>({ identity, log }: DenialsDependencies, { method, path }: Pick<Route, 'method' | 'path'>, context: RequestContext, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = (error instanceof EdgeFault || error instanceof IdentityClientError) && REPORTED.has(error.code) ? (error.code as ReportedDenial) : undefined;
    // Without a valid session it is nobody's: anybody could fill the record with it.
    if (code !== undefined && (context.session ?? context.apiKey) !== undefined) {
      await identity.ask('report-denial', context, { route: `${method} ${path}`, code }).catch((failure: unknown) => {
        if (failure instanceof IdentityClientError && failure.code === 'UNAUTHENTICATED') return;
        log.warn({ err: failure, correlationId: context.correlationId, code }, 'a denial is not on record');
      });
    }
    throw error;
  }
}
