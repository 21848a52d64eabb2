import type { HeldKey, HeldRecord, HeldType, Kept, Scrubbed } from '@countersign/contracts';
import type { HolderClient } from '@countersign/holder';
import type { Erasure } from '@countersign/retention-rules';
import type { PersonResources } from '../resources/person-resources.js';
import type { Person } from './person.js';

export type { Person };

const REPORTED = 'reported';
const PAGE = 100;
/** Pages of one holder, most: a holder that never ends is at fault. */
const PAGES_MAX = 1_000_000;
/** Reading every event of a holder takes its time. */
const PAGE_MS_MAX = 150_000;
/** Types of one holder that are told one by one. */
const TYPES_MAX = 1_000;

export interface HeldPerson {
  readonly types: readonly HeldType[];
  readonly keys: readonly HeldKey[];
}

/** What all services hold of persons. */
export class PersonHolders {
  constructor(
    private readonly client: HolderClient,
    /** Names of services that answer for persons. */
    private readonly asked: readonly string[],
    /** Of services that cannot be asked. */
    private readonly reported: PersonResources,
  ) {}

  /** Names under which an export has what there is. */
  get services(): readonly string[] {
    return [...this.asked, REPORTED];
  }

  /** Rejects with HolderFault when one of them does not answer: half an answer would be a wrong one. */
  async show(person: Person): Promise<HeldPerson> {
    const types = new Map<string, HeldType>();
    const keys = new Map<string, HeldKey>([[nameOf(person), { ...person }]]);
    for (const service of this.asked) {
      let after: string | undefined;
      for (let pages = 0; pages === 0 || after !== undefined; pages += 1) {
        if (pages >= PAGES_MAX || types.size > TYPES_MAX) throw new RangeError(`${service} comes to no end`);
        const page = await this.client.ask(service, 'held-subject', { ...person, ...(after === undefined ? {} : { after }) }, PAGE_MS_MAX);
        for (const type of page.types) add(types, type);
        for (const key of page.keys) keys.set(nameOf(key), key);
        after = page.next;
      }
    }
    for (const type of await this.reported.show(person, [...keys.values()])) add(types, type);
    return { types: [...types.values()], keys: [...keys.values()] };
  }

  /** Everything that one of them holds of somebody. Rejects as {@link show}. */
  async *export(service: string, person: Person): AsyncGenerator<HeldRecord> {
    if (service === REPORTED) {
      yield* this.reported.export(person, (await this.show(person)).keys);
      return;
    }
    let after: string | undefined;
    for (let pages = 0; pages === 0 || after !== undefined; pages += 1) {
      if (pages >= PAGES_MAX) throw new RangeError(`${service} comes to no end`);
      const page = await this.client.ask(service, 'held-export', { ...person, limit: PAGE, ...(after === undefined ? {} : { after }) }, PAGE_MS_MAX);
      yield* page.records;
      after = page.next;
    }
  }

  /** Has all of them let go of somebody; the same request again changes nothing. Rejects with HolderFault, SUBJECT_NEEDED too. */
  async scrub(person: Person, requestId: string): Promise<{ readonly scrubbed: Scrubbed[]; readonly kept: Kept[]; readonly keys: HeldKey[] }> {
    const [scrubbed, kept, keys]: [Scrubbed[], Kept[], HeldKey[]] = [[], [], []];
    for (const service of this.asked) {
      const done = await this.client.ask(service, 'held-scrub-subject', { ...person, requestId }, PAGE_MS_MAX);
      scrubbed.push(...done.scrubbed);
      kept.push(...done.kept);
      keys.push(...done.keys);
    }
    return { scrubbed, kept, keys };
  }

  /** Has services erase what they have reported, which they fetch. Undefined: they have still to say that it is gone. */
  async eraseReported(person: Person, keys: readonly Person[], erasure: Erasure): ReturnType<PersonResources['erase']> {
    return this.reported.erase(person, keys, erasure);
  }
}

export const nameOf = ({ tenant, subject }: Person): string => JSON.stringify([tenant, subject]);

/** Of a type that comes in several pages the counts are added. */
function add(types: Map<string, HeldType>, type: HeldType): void {
  const name = `${type.holder} ${type.type} ${type.class} ${type.onErasure}`;
  const before = types.get(name);
  types.set(name, before === undefined ? type : { ...before, count: before.count + type.count });
}
