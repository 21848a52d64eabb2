import type { HeldKind, HeldRecord, HolderArgsInput, HolderResult, Kept, Scrubbed } from '@countersign/contracts';
import { HolderFault, type HolderClient } from '@countersign/holder';
import type { AnsweringService, TypeRows } from '../store/type-rows.js';
import type { Person } from './person.js';

/** A service of somebody else's: nobody waits for it as long as for one of the platform. */
const ANSWER_MS_MAX = 15_000;
const PAGE = 100;
/** Pages of one service, most: one that never ends is at fault. */
const PAGES_MAX = 10_000;
/** Kinds that one tells. */
const KINDS_MAX = 1_000;

/** What services have let go of, and what they have left. */
export interface GoneElsewhere {
  readonly scrubbed: readonly Scrubbed[];
  readonly kept: readonly Kept[];
}

/** A service that is asked, and as whom it knows the person. */
export type Answering = AnsweringService & { readonly person: Person };

type Paged = 'held-subject' | 'held-export';

/**
 * Services of organisations that answer for persons over NATS. What they say counts for what they have registered and for nothing else: an answer
 * that names another service's type, another tenant, another person or a key of the platform's is refused whole.
 */
export class BusHolders {
  constructor(
    private readonly client: HolderClient,
    private readonly types: Pick<TypeRows, 'answeringPersons'>,
  ) {}

  /** @param places under which names, and in whose ledgers, somebody is known */
  async of(places: readonly Person[]): Promise<readonly Answering[]> {
    const persons = new Map(places.map((place) => [place.tenant, place]));
    return (await this.types.answeringPersons([...persons.keys()])).map((service) => ({ ...service, person: persons.get(service.tenant)! }));
  }

  /** Rejects with HolderFault. */
  async show(service: Answering): Promise<readonly HeldKind[]> {
    const kinds: HeldKind[] = [];
    for await (const { types, keys } of this.#pages(service, 'held-subject', { ...service.person })) {
      kinds.push(...types.map((kind) => ownKind(service, kind)));
      if (keys.length > 0) throw foreign(service, 'keys');
      if (kinds.length > KINDS_MAX) throw new HolderFault('HOLDER_INTERNAL', `${service.holder} comes to no end`);
    }
    return kinds;
  }

  /** Rejects with HolderFault. */
  async *export(service: Answering): AsyncGenerator<HeldRecord> {
    for await (const { records } of this.#pages(service, 'held-export', { ...service.person, limit: PAGE })) {
      for (const record of records) {
        if (!service.types.includes(record.type)) throw foreign(service, 'type');
        // Only a ledger can prove something.
        if (record.proof !== undefined) throw foreign(service, 'proof');
        yield record;
      }
    }
  }

  /** Rejects with HolderFault. */
  async scrub(service: Answering, requestId: string, keep: string[]): Promise<GoneElsewhere> {
    const { scrubbed, kept, keys, held } = await this.client.ask(service.holder, 'held-scrub-subject', { ...service.person, requestId, keep }, ANSWER_MS_MAX);
    for (const { holder, type } of [...scrubbed, ...kept]) if (holder !== service.holder || !service.types.includes(type)) throw foreign(service, 'type');
    if (keys.length > 0) throw foreign(service, 'keys');
    if (held.some(({ type }) => !keep.includes(type))) throw foreign(service, 'held');
    return { scrubbed, kept };
  }

  async *#pages<O extends Paged>({ holder }: AnsweringService, operation: O, args: HolderArgsInput<O>): AsyncGenerator<HolderResult<O>> {
    let after: string | undefined;
    for (let pages = 0; pages === 0 || after !== undefined; pages += 1) {
      if (pages >= PAGES_MAX) throw new HolderFault('HOLDER_INTERNAL', `${holder} comes to no end`);
      const page: HolderResult<O> = await this.client.ask(holder, operation, { ...args, ...(after === undefined ? {} : { after }) }, ANSWER_MS_MAX);
      yield page;
      after = page.next;
    }
  }
}

function ownKind(service: Answering, kind: HeldKind): HeldKind {
  const { tenant, subject } = service.person;
  if (kind.holder !== service.holder || !service.types.includes(kind.type)) throw foreign(service, 'type');
  if (kind.tenant !== undefined && kind.tenant !== tenant) throw foreign(service, 'tenant');
  if (kind.subjects?.some((one) => one !== subject) === true) throw foreign(service, 'subjects');
  if (kind.under.length > 0) throw foreign(service, 'under');
  return kind;
}

const foreign = ({ holder }: AnsweringService, field: string): HolderFault => new HolderFault('HOLDER_INTERNAL', `${holder} answers for what is not its own: ${field}`, field);
