import type { JsonObject } from '@countersign/chain';
import { EventStoreFault } from './fault.js';

/** The place that a sealed text is bound to: in any other row it must not open. */
export interface PersonalPlace {
  readonly tenant: string;
  readonly table: string;
  readonly column: string;
  readonly row: string;
}

export interface ToSeal {
  readonly tenant: string;
  readonly subject: string;
  readonly context: PersonalPlace;
  readonly bytes: Uint8Array;
}

export interface ToOpen {
  readonly tenant: string;
  readonly subject: string;
  readonly context: PersonalPlace;
  readonly text: string;
}

/** Why one item failed, for good. `SUBJECT_ERASED`: the subject's key is destroyed, and that is as it should be. */
export interface ItemFault {
  readonly fault: string;
}

export type Sealed = { readonly text: string } | ItemFault;
export type Opened = { readonly bytes: Uint8Array } | ItemFault;

/**
 * Seals and opens under the subjects' keys. Both answer in the order of the items, with a fault for an item that will
 * fail again however often it is tried, and reject when trying again may help (the key service does not answer).
 */
export interface PersonalCipher {
  seal(items: readonly ToSeal[]): Promise<readonly Sealed[]>;
  open(items: readonly ToOpen[]): Promise<readonly Opened[]>;
}

export const SUBJECT_ERASED = 'SUBJECT_ERASED';

/** What the ledger is told in place of a part whose subject was erased before the event was relayed. */
export const ERASED_DATA: JsonObject = { erased: true };

/** A part as it is stored. `erased`: the subject's key was gone already when the event was appended. */
export type SealedPart = { readonly subject: string; readonly sealed: string } | { readonly subject: string; readonly erased: true };

/** A part in clear. */
export type OpenedPart = { readonly subject: string; readonly data: JsonObject } | { readonly subject: string; readonly erased: true };

/** Items a call of the cipher. */
const CIPHER_ITEMS_MAX = 500;

/** An event's part with the JSON to seal. */
export interface ClearPart {
  readonly eventId: string;
  /** Place among the event's parts. */
  readonly at: number;
  readonly subject: string;
  readonly json: string;
}

/** An event with its parts as they are stored. */
export interface WithParts {
  readonly id: string;
  readonly tenant: string;
  readonly personal?: readonly SealedPart[];
}

/** Personal parts of the events of one source. */
export class Personal {
  constructor(
    readonly source: string,
    readonly cipher: PersonalCipher | undefined,
  ) {}

  /** In the order of `parts`. Throws PERSONAL_WITHOUT_CIPHER, PERSONAL_NOT_SEALED. */
  async seal(tenant: string, parts: readonly ClearPart[]): Promise<SealedPart[]> {
    if (parts.length === 0) return [];
    const { cipher } = this;
    if (cipher === undefined) throw new EventStoreFault('PERSONAL_WITHOUT_CIPHER', 'personal parts need a cipher: they are never stored in clear', 'personal');
    const items = parts.map(({ eventId, at, subject, json }) => ({ tenant, subject, context: this.#place(tenant, eventId, at), bytes: Buffer.from(json) }));
    let results: readonly Sealed[];
    try {
      results = await inBatches(items, (batch) => cipher.seal(batch));
    } catch (error) {
      throw new EventStoreFault('PERSONAL_NOT_SEALED', 'a personal part could not be sealed; nothing was stored', 'personal', { cause: error });
    }
    return parts.map(({ subject }, at) => {
      const result = results[at] as Sealed;
      if ('text' in result) return { subject, sealed: result.text };
      if (result.fault === SUBJECT_ERASED) return { subject, erased: true };
      throw new EventStoreFault('PERSONAL_NOT_SEALED', `a personal part could not be sealed: ${result.fault}; nothing was stored`, 'personal');
    });
  }

  /**
   * For each event its parts in clear, or the fault of the first part that will never open. Erased parts are no fault.
   * Rejects as the cipher does when trying again may help.
   */
  async open(events: readonly WithParts[]): Promise<(readonly OpenedPart[] | ItemFault)[]> {
    const items = events.flatMap(({ id, tenant, personal = [] }) =>
      personal.flatMap((part, at) => ('sealed' in part ? [{ tenant, subject: part.subject, context: this.#place(tenant, id, at), text: part.sealed }] : [])),
    );
    const results = (await this.#openItems(items)).values();
    return events.map(({ personal = [] }) => {
      const parts = personal.map((part) => ('sealed' in part ? opened(part.subject, results.next().value as Opened) : part));
      return parts.find((part) => 'fault' in part) ?? (parts as OpenedPart[]);
    });
  }

  async #openItems(items: readonly ToOpen[]): Promise<readonly Opened[]> {
    const { cipher } = this;
    if (items.length === 0) return [];
    if (cipher === undefined) throw new EventStoreFault('PERSONAL_WITHOUT_CIPHER', 'sealed personal parts need a cipher', 'personal');
    return inBatches(items, (batch) => cipher.open(batch));
  }

  #place(tenant: string, eventId: string, at: number): PersonalPlace {
    return { tenant, table: `${this.source}.events`, column: 'personal', row: `${eventId}/${at}` };
  }
}

function opened(subject: string, result: Opened): OpenedPart | ItemFault {
  if ('bytes' in result) return { subject, data: JSON.parse(Buffer.from(result.bytes).toString('utf8')) as JsonObject };
  return result.fault === SUBJECT_ERASED ? { subject, erased: true } : result;
}

async function inBatches<T, R>(items: readonly T[], run: (batch: readonly T[]) => Promise<readonly R[]>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += CIPHER_ITEMS_MAX) {
    const batch = items.slice(at, at + CIPHER_ITEMS_MAX);
    const answers = await run(batch);
    if (answers.length !== batch.length) throw new RangeError('the cipher must answer every item');
    results.push(...answers);
  }
  return results;
}
