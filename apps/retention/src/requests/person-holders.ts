import type { HeldKey, HeldKind, HeldRecord, HeldType, Kept, Scrubbed } from '@countersign/contracts';
import type { HolderClient } from '@countersign/holder';
import type { Erasure, PersonsKind } from '@countersign/retention-rules';
import type { PersonResources } from '../resources/person-resources.js';
import type { Answering, BusHolders, GoneElsewhere } from './bus-holders.js';
import { kindOf } from './erasure-plan.js';
import type { Person } from './person.js';

export type { Person };

const REPORTED = 'reported';
const PAGE = 100;
/** Pages of one holder, most: a holder that never ends is at fault. */
const PAGES_MAX = 1_000_000;
/** Reading every event of a holder takes its time. */
const PAGE_MS_MAX = 150_000;
/** Holds wait for it. */
const SCRUB_MS_MAX = 150_000;
/** Types of one holder that are told one by one. */
const TYPES_MAX = 1_000;

export interface HeldPerson {
  /** What the person is told. */
  readonly types: readonly HeldType[];
  /** What the platform's services hold, for the rules. */
  readonly kinds: readonly PersonsKind[];
  readonly keys: readonly HeldKey[];
}

/** What services have let go of, and what they have left because they were told to. */
export interface LetGo {
  readonly scrubbed: readonly Scrubbed[];
  readonly kept: readonly Kept[];
  readonly keys: readonly HeldKey[];
  readonly held: readonly { readonly service: string; readonly types: readonly { readonly type: string; readonly count: number }[] }[];
}

/** What all services hold of persons. */
export class PersonHolders {
  constructor(
    private readonly client: HolderClient,
    /** Names of services that answer for persons. */
    private readonly asked: readonly string[],
    /** Of services that cannot be asked. */
    private readonly reported: PersonResources,
    /** Services of organisations that can. */
    private readonly others: BusHolders,
  ) {}

  /** All that is held, and names under which an export has it. Rejects with HolderFault when somebody does not answer: half an answer would be a wrong one. */
  async show(person: Person): Promise<HeldPerson & { readonly services: readonly string[] }> {
    const ours = await this.showOurs(person);
    const types = new Map(ours.types.map((type) => [typeName(type), type]));
    const kinds = [...ours.kinds];
    const others = await this.elsewhere(person, ours.keys);
    for (const service of others) {
      for (const kind of await this.others.show(service)) {
        if (kind.count > 0) add(types, typeIn(kind));
        kinds.push(...[kindOf(service.person, kind)].filter((one) => one !== undefined));
      }
    }
    return { types: [...types.values()], kinds, keys: ours.keys, services: [...this.asked, REPORTED, ...others.map(({ holder }) => holder)] };
  }

  /** What the platform holds, and what it knows because it was told. Rejects as {@link show}. */
  async showOurs(person: Person): Promise<HeldPerson> {
    const types = new Map<string, HeldType>();
    const kinds = new Map<string, PersonsKind>();
    const keys = new Map<string, HeldKey>([[nameOf(person), { ...person }]]);
    for (const service of this.asked) {
      let after: string | undefined;
      for (let pages = 0; pages === 0 || after !== undefined; pages += 1) {
        if (pages >= PAGES_MAX || kinds.size > TYPES_MAX) throw new RangeError(`${service} comes to no end`);
        const page = await this.client.ask(service, 'held-subject', { ...person, ...(after === undefined ? {} : { after }) }, PAGE_MS_MAX);
        for (const kind of page.types) {
          if (kind.count > 0) add(types, typeIn(kind));
          addKind(kinds, kindOf(person, kind));
        }
        for (const key of page.keys) keys.set(nameOf(key), key);
        after = page.next;
      }
    }
    for (const type of await this.reported.show(person, [...keys.values()])) add(types, type);
    return { types: [...types.values()], kinds: [...kinds.values()], keys: [...keys.values()] };
  }

  /** Everything that one of them holds of somebody. Rejects as {@link show}. */
  async *export(service: string, person: Person): AsyncGenerator<HeldRecord> {
    if (service === REPORTED) {
      yield* this.reported.export(person, (await this.showOurs(person)).keys);
      return;
    }
    if (!this.asked.includes(service)) {
      const other = (await this.elsewhere(person, (await this.showOurs(person)).keys)).find(({ holder }) => holder === service);
      if (other !== undefined) yield* this.others.export(other);
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

  /**
   * Has all of them let go of somebody; the same request again changes nothing. Rejects with HolderFault, SUBJECT_NEEDED too.
   * @param keep types of a service that it leaves
   */
  async scrub(person: Person, requestId: string, keep: (service: string) => string[]): Promise<LetGo> {
    const [scrubbed, kept, keys, held]: [Scrubbed[], Kept[], HeldKey[], LetGo['held'][number][]] = [[], [], [], []];
    for (const service of this.asked) {
      const done = await this.client.ask(service, 'held-scrub-subject', { ...person, requestId, keep: keep(service) }, SCRUB_MS_MAX);
      scrubbed.push(...done.scrubbed);
      kept.push(...done.kept);
      keys.push(...done.keys);
      held.push({ service, types: done.held });
    }
    return { scrubbed, kept, keys, held };
  }

  /** Services of organisations that answer for somebody. */
  elsewhere(person: Person, keys: readonly Person[]): Promise<readonly Answering[]> {
    return this.others.of(placesOf(person, keys));
  }

  /** What one of {@link elsewhere} holds. Rejects with HolderFault. */
  async kindsElsewhere(service: Answering): Promise<PersonsKind[]> {
    return (await this.others.show(service)).map((kind) => kindOf(service.person, kind)).filter((kind) => kind !== undefined);
  }

  /** As {@link scrub}, of one of {@link elsewhere}, which does it by itself. */
  scrubElsewhere(service: Answering, requestId: string, keep: string[]): Promise<GoneElsewhere> {
    return this.others.scrub(service, requestId, keep);
  }

  /** Has services erase what they have reported, which they fetch. Undefined: they have still to say that it is gone. */
  async eraseReported(person: Person, keys: readonly Person[], erasure: Erasure): ReturnType<PersonResources['erase']> {
    return this.reported.erase(person, keys, erasure);
  }
}

export const nameOf = ({ tenant, subject }: Person): string => JSON.stringify([tenant, subject]);

/** Where somebody is known under his id. */
const placesOf = (person: Person, keys: readonly Person[]): Person[] => [...new Map([person, ...keys.filter(({ subject }) => subject === person.subject)].map(({ tenant, subject }) => [tenant, { tenant, subject }])).values()];

const typeName = ({ holder, type, class: dataClass, onErasure }: HeldType): string => `${holder} ${type} ${dataClass} ${onErasure}`;

/** Of a type that comes in several pages the counts are added. */
function add(types: Map<string, HeldType>, type: HeldType): void {
  const name = typeName(type);
  const before = types.get(name);
  types.set(name, before === undefined ? type : { ...before, count: before.count + type.count });
}

const typeIn = ({ holder, type, class: dataClass, count, onErasure, reason }: HeldKind): HeldType => ({ holder, type, class: dataClass, count, onErasure, ...(reason === undefined ? {} : { reason }) });

/** The same kind of several pages is one. */
function addKind(kinds: Map<string, PersonsKind>, kind: PersonsKind | undefined): void {
  if (kind === undefined) return;
  const name = JSON.stringify([kind.holder, kind.organization, kind.type, kind.dataClass, kind.subjects, kind.under]);
  const before = kinds.get(name);
  const oldest = [kind.oldestMs, before?.oldestMs].filter((ms) => ms !== undefined);
  kinds.set(name, before === undefined ? kind : { ...before, count: before.count + kind.count, ...(oldest.length < 2 ? {} : { oldestMs: Math.min(...oldest) }) });
}
