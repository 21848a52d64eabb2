import { HolderResponder, Orders } from '@countersign/holder';
import { every } from '../service-loops.js';
import type { ServiceParts } from '../service-parts.js';
import { LEDGER_SOURCE } from '../verify/verdict-event.js';
import { LedgerHolder } from './ledger-holder.js';
import { PartsHolder } from './parts-holder.js';
import { StatementSettling } from './settling.js';
import { StatementRows } from './statement-rows.js';
import { BusDestructionRecords } from './statements.js';
import { Stretches } from './stretches.js';

const SETTLE_PAUSE_MS = 2_000;

export interface RunningHolder {
  stop(): Promise<void>;
}

/** Answers retention; undefined where the ledger was given no eraser's connection. */
export async function openHolder({ config, stores, archive, bus, log }: Pick<ServiceParts, 'config' | 'stores' | 'archive' | 'bus' | 'log'>): Promise<RunningHolder | undefined> {
  const { eraser, reader, read } = stores;
  if (eraser === undefined) return undefined;
  const { partClasses: classes, stretchMaxAgeMs: maxAgeMs } = config;
  const stretches = new Stretches({ reader, eraser, classes, maxAgeMs, now: () => new Date() });
  const statements = new StatementRows(eraser);
  const parts = new PartsHolder({ reader, read, stretches, classes, statements, records: new BusDestructionRecords({ bus, read, archive }) });
  const holder = new LedgerHolder(parts, reader);
  const responder = new HolderResponder({ bus, service: LEDGER_SOURCE, pool: eraser, holder, onError: (error, operation) => log.error({ err: error, operation }, 'retention got no answer') });
  await responder.start();
  const settling = new StatementSettling({ statements, parts, orders: new Orders(eraser, holder), onError: (error, orderId) => log.warn({ err: error, orderId }, 'a statement of destruction was not taken back, it is tried again') });
  const loop = every(SETTLE_PAUSE_MS, () => settling.settle(), (error) => log.warn({ err: error }, 'statements of destruction not looked at, they are the next time'));
  return { stop: async () => void (await Promise.all([responder.stop(), loop.stop()])) };
}
