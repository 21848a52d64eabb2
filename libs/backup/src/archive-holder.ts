import type { HeldOrder, HeldResource, HolderArgs, HolderResult, HolderTypeRequest, OrderOutcome } from '@countersign/contracts';
import { HolderFault, orderDigest, type Holder, type Orders } from '@countersign/holder';
import { readCatalogue, writeCatalogue, type Backup, type Catalogue, type GoingOrder } from './catalogue.js';
import { BackupFault } from './fault.js';
import { removeObjects } from './prune.js';
import { locked, type ArchivePlace } from './take-backup.js';

/** As retention knows backups: their clock starts when no rule keeps them any more. */
export const backupType = (tenant: string) => ({ type: `${tenant}.backup`, clock: 'closed', actions: ['delete'], classes: [BACKUP_CLASS] }) as const satisfies HolderTypeRequest;
const BACKUP_CLASS = 'operational';

export interface ArchiveHolderOptions extends ArchivePlace {
  /** The ledger of the installation: backups are of the whole server. */
  readonly tenant: string;
  readonly serverUrl: string;
  readonly now: () => Date;
}

/**
 * The backups of an archive as retention sees them, and its orders. An order is decided when the catalogue says so, once, in the archive itself: there
 * is no database that would not be in the backups. What is decided and interrupted is finished when the order comes again, or the process does.
 */
export class ArchiveHolder implements Pick<Holder, 'types' | 'list'>, Pick<Orders, 'execute' | 'recall'> {
  readonly types: Holder['types'];
  readonly #type: string;

  constructor(private readonly options: ArchiveHolderOptions) {
    const { type, actions } = backupType(options.tenant);
    this.#type = type;
    this.types = { [type]: actions };
  }

  /** By their ids, which begin with their time. */
  async list({ after, limit }: HolderArgs<'held-list'>): Promise<HolderResult<'held-list'>> {
    const { backups } = await this.#read();
    const rest = backups.toSorted((a, b) => (a.id < b.id ? -1 : 1)).filter(({ id }) => after === undefined || id > after);
    const page = rest.slice(0, limit);
    const last = page.at(-1);
    return { resources: page.map((one) => this.#resourceOf(one)), ...(rest.length > page.length && last !== undefined ? { next: last.id } : {}) };
  }

  /** What the order names and no rule keeps is destroyed, in every store, before this resolves. Rejects with HolderFault. */
  async execute(order: HeldOrder): Promise<OrderOutcome> {
    if (order.type !== this.#type) throw new HolderFault('TYPE_UNKNOWN', 'nothing of this type is held here', 'type');
    if (order.action !== 'delete') throw new HolderFault('ACTION_UNKNOWN', 'this is not done with this type', 'action');
    return this.#settle(async (catalogue) => {
      const digest = orderDigest(order);
      const known = catalogue.orders[order.orderId];
      if (known !== undefined) {
        if (known.digest !== undefined && known.digest !== digest) throw new HolderFault('ORDER_ID_REUSED', 'there is another order of this id', 'orderId');
        return known.outcome;
      }
      const at = this.options.now();
      if (Date.parse(order.expiresAt) <= at.getTime()) return this.#record(catalogue, order.orderId, { digest, outcome: { state: 'expired', at: at.toISOString() } });
      const named = new Set(order.resources);
      const isGoing = ({ id, closedAt }: Backup): boolean => closedAt !== undefined && named.has(id);
      const going: GoingOrder = { orderId: order.orderId, digest, backups: catalogue.backups.filter(isGoing) };
      const decided = { ...catalogue, backups: catalogue.backups.filter((one) => !isGoing(one)), going: [going] };
      await this.#write(decided);
      return (await this.#finish(decided)).orders[order.orderId]!.outcome;
    });
  }

  /** Rejects with HolderFault. */
  recall(orderId: string): Promise<OrderOutcome> {
    return this.#settle(async (catalogue) => catalogue.orders[orderId]?.outcome ?? this.#record(catalogue, orderId, { outcome: { state: 'recalled', at: this.options.now().toISOString() } }));
  }

  /** Ends what a crash has interrupted. Rejects with HolderFault. */
  async resume(): Promise<void> {
    await this.#settle(() => Promise.resolve());
  }

  /** One at a time, and never beside a backup: what was decided before is finished first. */
  async #settle<T>(work: (catalogue: Catalogue) => Promise<T>): Promise<T> {
    try {
      return await locked(this.options.serverUrl, async () => work(await this.#finish(await this.#read())));
    } catch (error) {
      if (!(error instanceof BackupFault)) throw error;
      throw new HolderFault(error.code === 'BACKUP_BUSY' || error.code === 'BACKUP_SERVER_FAILED' ? 'HOLDER_UNAVAILABLE' : 'HOLDER_INTERNAL', `${error.code}: ${error.message}`, undefined, { cause: error });
    }
  }

  async #finish(catalogue: Catalogue): Promise<Catalogue> {
    if (catalogue.going.length === 0) return catalogue;
    const orders = { ...catalogue.orders };
    for (const { orderId, digest, backups } of catalogue.going) {
      await removeObjects(this.options.stores, backups);
      const done = backups.map(({ id }) => id);
      orders[orderId] = { digest, outcome: { state: 'executed', at: this.options.now().toISOString(), done, items: done.length } };
    }
    const finished = { ...catalogue, going: [], orders };
    await this.#write(finished);
    return finished;
  }

  async #record(catalogue: Catalogue, orderId: string, known: Catalogue['orders'][string]): Promise<OrderOutcome> {
    await this.#write({ ...catalogue, orders: { ...catalogue.orders, [orderId]: known } });
    return known.outcome;
  }

  #read(): Promise<Catalogue> {
    return readCatalogue(this.options.stores[0]!, this.options.key);
  }

  #write(catalogue: Catalogue): Promise<void> {
    return writeCatalogue(this.options.stores, this.options.key, catalogue);
  }

  #resourceOf({ id, takenAt, closedAt }: Backup): HeldResource {
    return { type: this.#type, id, tenant: this.options.tenant, class: BACKUP_CLASS, created: takenAt, ...(closedAt === undefined ? {} : { closed: closedAt }) };
  }
}
