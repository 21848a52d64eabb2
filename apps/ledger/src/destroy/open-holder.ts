import { HolderResponder } from '@countersign/holder';
import type { ServiceParts } from '../service-parts.js';
import { LEDGER_SOURCE } from '../verify/verdict-event.js';
import { LedgerHolder } from './ledger-holder.js';
import { PartsHolder } from './parts-holder.js';
import { BusDestructionRecords } from './statements.js';
import { Stretches } from './stretches.js';

/** Answers retention; undefined where the ledger was given no eraser's connection. */
export function openHolder({ config, stores, archive, bus, log }: Pick<ServiceParts, 'config' | 'stores' | 'archive' | 'bus' | 'log'>): HolderResponder | undefined {
  const { eraser, reader, read } = stores;
  if (eraser === undefined) return undefined;
  const { partClasses: classes, stretchMaxAgeMs: maxAgeMs } = config;
  const stretches = new Stretches({ reader, eraser, classes, maxAgeMs, now: () => new Date() });
  const parts = new PartsHolder({ reader, read, stretches, classes, records: new BusDestructionRecords({ bus, read, archive }) });
  return new HolderResponder({ bus, service: LEDGER_SOURCE, pool: eraser, holder: new LedgerHolder(parts, reader), onError: (error, operation) => log.error({ err: error, operation }, 'retention got no answer') });
}
