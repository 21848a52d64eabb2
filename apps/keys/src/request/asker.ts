import type { KeysArgs, KeysOperation, KeysResult } from '@countersign/contracts';
import type { Cause } from '@countersign/event-store';

/** Who asks, authenticated by signature. */
export interface Asker {
  readonly service: string;
  /** Used once; ties together what one request caused. */
  readonly nonce: string;
}

export interface Outcome<O extends KeysOperation> {
  readonly result: KeysResult<O>;
  /** Key bytes for the asker alone, in the order of what was granted. Zeroed when they are sealed. */
  readonly keys?: readonly Buffer[];
}

export type Handler<O extends KeysOperation> = (args: KeysArgs<O>, asker: Asker) => Promise<Outcome<O>>;
export type Handlers = { readonly [O in KeysOperation]: Handler<O> };

export const causeOf = ({ service, nonce }: Asker): Cause => ({ actor: { type: 'service', id: service }, correlationId: nonce });
