import { connectBus, PullLoop } from '@countersign/bus';
import type { LedgerBook } from './ledger-book.js';
import type { NatsServer } from './nats.js';

const STOP_LIMIT_MS = 500;

export interface BookLedger {
  /** Stops consuming; what is not acknowledged stays in the stream. */
  stop(): Promise<void>;
}

/** Connects a `LedgerBook` to a real nats-server as the ledger's user: consumes the intake and answers with receipts. */
export async function startBookLedger(nats: NatsServer, book: LedgerBook): Promise<BookLedger> {
  const bus = await connectBus({ url: nats.url, nkeySeedFile: nats.users.ledger, name: 'ledger' });
  const loop = new PullLoop({
    bus,
    onMessage: (message) => {
      const answers = book.enter(message.subject, message.data);
      message.ack();
      for (const { subject, body } of answers) bus.publish(subject, body);
    },
  });
  await loop.start();
  return {
    async stop() {
      await loop.stop(STOP_LIMIT_MS);
      await bus.close();
    },
  };
}
