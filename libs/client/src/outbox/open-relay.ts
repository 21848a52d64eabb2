import { checkBusChoice, chooseTransport, type BusChoice } from '../open-emitter.js';
import { checkSource, deliverySettings, type DeliveryOptions } from '../options.js';
import { Relay, type RelayStats } from './relay.js';
import type { Pool, RelayRows } from './rows.js';

export interface RelayOptions extends DeliveryOptions, BusChoice {
  readonly source: string;
  /** The service's own database. The relay holds one connection of it for itself. */
  readonly pool: Pool;
  readonly rows: RelayRows;
  /** Names the advisory lock: of all relays with this name one works. */
  readonly lockName: string;
  /** The channel that is notified when rows were added. At most 63 bytes. */
  readonly channel: string;
  /** Added rows gather for so long before they are read, so that many are settled together. Default 0. */
  readonly gatherMs?: number;
}

export interface OpenRelay {
  /** Counters of this process since it became the active relay. */
  stats(): RelayStats;
  /** Tells that rows were added and committed. False when another process relays: it is reached over the channel. */
  wake(): boolean;
  /** Stops relaying. Rows without a receipt stay and are sent by the next relay. The pool stays open. */
  close(): Promise<void>;
}

const IDLE_STATS: RelayStats = {
  active: false, sent: 0, messages: 0, resent: 0, publishErrors: 0, receipted: 0, repeated: 0, refused: 0, unreadable: 0,
};

/**
 * Sends the rows, oldest first, until each has its receipt or refusal. For services that keep their events in tables
 * of their own; all others use `openOutbox`. Throws EmitError OPTION_INVALID.
 */
export function openRelay(options: RelayOptions): OpenRelay {
  checkSource(options.source);
  checkBusChoice(options);
  const settings = deliverySettings(options);
  const transport = chooseTransport(options, settings.log);
  const relay = new Relay({ ...options, transport, settings });
  return {
    stats: () => relay.stats ?? IDLE_STATS,
    wake: () => relay.wake(),
    async close() {
      await relay.close();
      await transport.close();
    },
  };
}
