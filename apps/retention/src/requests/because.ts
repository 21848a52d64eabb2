import type { AskedFrom, Cause } from '@countersign/event-store';
import type { PoolClient } from '@countersign/postgres';
import type { Asker } from '../request/asker.js';

/** In whose name something is done, and with what. */
export interface Because {
  readonly cause: Cause;
  readonly origin: AskedFrom | undefined;
  readonly now: Date;
  readonly command?: { readonly commandId?: string };
  /** In the same transaction. */
  readonly along?: (client: PoolClient) => Promise<void>;
}

/** What whoever asks has asked for. */
export const becauseOf = ({ cause, origin, now, command, checkFresh }: Asker): Because => ({ cause, origin, now, command, along: async () => checkFresh() });

/** What retention does by itself on behalf of a request. */
export const bySelf = (requestId: string, now: Date, along?: Because['along']): Because => ({
  cause: { actor: { type: 'service', id: 'retention' }, correlationId: requestId },
  origin: undefined,
  now,
  ...(along === undefined ? {} : { along }),
});
