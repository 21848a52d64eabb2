import { HolderResponder, Orders } from '@countersign/holder';
import { Gauge } from 'prom-client';
import { every } from '../service-loops.js';
import type { ServiceParts } from '../service-parts.js';
import { LEDGER_SOURCE } from '../verify/verdict-event.js';
import { FairShare } from './fair-share.js';
import { LedgerHolder } from './ledger-holder.js';
import { PartsHolder } from './parts-holder.js';
import { Reclaiming } from './reclaiming.js';
import { StatementSettling } from './settling.js';
import { StatementRows } from './statement-rows.js';
import { BusDestructionRecords } from './statements.js';
import { Stretches } from './stretches.js';

const SETTLE_PAUSE_MS = 2_000;
const RECLAIM_PAUSE_MS = 2_000;

export interface RunningHolder {
  stop(): Promise<void>;
}

/** Answers retention; undefined where the ledger was given no eraser's connection. `isBusy`: appends wait. */
export async function openHolder({ config, stores, archive, bus, log, registry }: Pick<ServiceParts, 'config' | 'stores' | 'archive' | 'bus' | 'log' | 'registry'>, isBusy: () => boolean): Promise<RunningHolder | undefined> {
  const { eraser, reader, read } = stores;
  if (eraser === undefined) return undefined;
  const { partClasses: classes, stretchMaxAgeMs: maxAgeMs } = config;
  const stretches = new Stretches({ reader, eraser, classes, maxAgeMs, now: () => new Date() });
  const statements = new StatementRows(eraser);
  const share = new FairShare(isBusy);
  let destroyed = 0;
  const records = new BusDestructionRecords({ bus, read, archive });
  const parts = new PartsHolder({ reader, read, stretches, classes, statements, records, share, onDestroyed: (entries) => void (destroyed += entries) });
  const holder = new LedgerHolder(parts, reader);
  const orders = new Orders(eraser, holder);
  const responder = new HolderResponder({ bus, service: LEDGER_SOURCE, holder, orders, onError: (error, operation) => log.error({ err: error, operation }, 'retention got no answer') });
  await responder.start();
  const settling = new StatementSettling({ statements, parts, orders, onError: (error, orderId) => log.warn({ err: error, orderId }, 'a statement of destruction was not taken back, it is tried again') });
  const loop = every(SETTLE_PAUSE_MS, () => settling.settle(), (error) => log.warn({ err: error }, 'statements of destruction not looked at, they are the next time'));
  const takeDestroyed = (): number => {
    const taken = destroyed;
    destroyed = 0;
    return taken;
  };
  const reclaiming = new Reclaiming({ eraser, share, takeDestroyed });
  const atWork = new Gauge({ name: 'countersign_ledger_space_reclaiming', help: '1 while space of destroyed parts is being given back', registers: [registry] });
  const round = async (): Promise<void> => {
    const reclaimed = await reclaiming.round();
    atWork.set(reclaimed.done === 'nothing' ? 0 : 1);
    if (reclaimed.done === 'vacuumed' || reclaimed.done === 'moved') log.info({ ...reclaimed }, 'space of destroyed parts');
  };
  const reclaim = every(RECLAIM_PAUSE_MS, round, (error) => log.warn({ err: error }, 'space of destroyed parts not given back, it is tried again'));
  const stop = async (): Promise<void> => {
    records.endSoon();
    reclaiming.stop();
    await Promise.all([responder.stop(), loop.stop(), reclaim.stop()]);
  };
  return { stop };
}
