import { defineAggregate, type Project } from '../src/index.js';
import { ACTOR, settled, startStand, type Stand } from './stand.js';

/**
 * Measures the event store by hand, with fsync on: `npm run bench:append --workspace @countersign/event-store`.
 * A command loads its stream, decides one event, moves a read table along and commits.
 */
const RUN_MS = 4_000;
const STREAMS = 1_000;
const LONG_STREAM_EVENTS = 10_000;

const counter = defineAggregate({
  name: 'counter',
  initialState: 0,
  decide: (by: number) => [{ type: 'doors.counter.moved', data: { by, note: 'as long as the facts of a usual event are' } }],
  evolve: (sum: number, { data }) => sum + data.by,
});

const project: Project = async (client, [event]) => {
  await client.query('INSERT INTO doors.doors (tenant, id, version) VALUES ($1, $2, $3) ON CONFLICT (tenant, id) DO UPDATE SET version = $3', [event?.tenant, event?.stream, event?.version]);
};

async function rate(writers: number, command: (writer: number) => Promise<unknown>): Promise<string> {
  const startMs = performance.now();
  const latenciesMs: number[] = [];
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      for (let atMs = performance.now(); atMs - startMs < RUN_MS; ) {
        await command(writer);
        const endMs = performance.now();
        latenciesMs.push(endMs - atMs);
        atMs = endMs;
      }
    }),
  );
  latenciesMs.sort((a, b) => a - b);
  const perSecond = (latenciesMs.length * 1000) / (performance.now() - startMs);
  return `${perSecond.toFixed(0)} commands/s, median ${latenciesMs[latenciesMs.length >> 1]?.toFixed(2)} ms, p99 ${latenciesMs[Math.floor(latenciesMs.length * 0.99)]?.toFixed(2)} ms`;
}

async function measure(stand: Stand): Promise<void> {
  const store = stand.open({ relay: undefined });
  const execute = (writer: number) =>
    store.execute(counter, { tenant: 'acme', id: `${writer}-${Math.floor(Math.random() * STREAMS)}`, command: 1, actor: ACTOR, project });
  await rate(4, execute);
  for (const writers of [1, 4, 16]) console.log(`${writers} writers, a stream each of ${STREAMS}: ${await rate(writers, execute)}`);
  const plain = (writer: number) => store.append({ tenant: 'acme', stream: `plain/${writer}-${Math.random()}`, expectedVersion: 0, events: counter.decide(1, 0), actor: ACTOR });
  console.log(`16 writers, append to new streams, no read table: ${await rate(16, plain)}`);

  const relaying = stand.open();
  const startMs = performance.now();
  const { count } = await store.ledger.unreceipted(0);
  await settled(relaying);
  console.log(`relay to a ledger that answers at once: ${((count * 1000) / (performance.now() - startMs)).toFixed(0)} events/s`);
  console.log(`16 writers, relaying meanwhile: ${await rate(16, execute)}`);

  for (let version = 0; version < LONG_STREAM_EVENTS; version += 500) {
    await store.append({ tenant: 'acme', stream: 'counter/long', expectedVersion: version, events: Array.from({ length: 500 }, () => counter.decide(1, 0)[0]!), actor: ACTOR });
  }
  for (let turn = 0; turn < 3; turn++) {
    const loadMs = performance.now();
    const { state } = await store.load(counter, 'acme', 'long');
    console.log(`load of a stream of ${state} events: ${(performance.now() - loadMs).toFixed(0)} ms`);
  }
}

const stand = await startStand({ durable: true });
try {
  await stand.startLedger();
  await measure(stand);
} finally {
  await stand.stop();
}
