import type { Moment } from './wire-tap.js';

/** A moment of an append, told by what the ledger says to which server. */
export interface AppendMoment extends Pick<Moment, 'said' | 'at'> {
  readonly on: 'postgres' | 'nats';
  /** Comes only with a tenant's first event. */
  readonly isFirst?: boolean;
}

// In the append's own transaction: other COMMITs go over other connections, or before a COPY.
const COPY = 'COPY entries';
const COMMIT = 'COMMIT';
const ACK = 'PUB $JS.ACK.INTAKE.ledger';

/** Every step of an append, in order. */
export const APPEND_MOMENTS: Readonly<Record<string, AppendMoment>> = {
  'before the entries reach the database': { on: 'postgres', said: [COPY], at: 'before' },
  'with the entries sent and not committed': { on: 'postgres', said: [COPY, COMMIT], at: 'before' },
  'after the commit, before it hears of it': { on: 'postgres', said: [COPY, COMMIT], at: 'answered' },
  'between commit and ack': { on: 'nats', said: [ACK], at: 'before' },
  'after the ack, before the receipts': { on: 'nats', said: [ACK, 'PUB ledger.receipt.'], at: 'before' },
  'with a checkpoint archived and not stored': { on: 'postgres', said: ['INSERT INTO checkpoints'], at: 'before' },
  'with a checkpoint stored and not confirmed': { on: 'postgres', said: ['INSERT INTO checkpoints'], at: 'answered' },
  'with a checkpoint stored and not published': { on: 'nats', said: ['PUB ledger.checkpoint.'], at: 'before' },
  'while a new ledger is made': { on: 'postgres', said: ['INSERT INTO ledgers'], at: 'answered', isFirst: true },
};
