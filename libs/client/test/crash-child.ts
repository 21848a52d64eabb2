import { openEmitter } from '../src/open-emitter.js';
import type { EmitterTransport } from '../src/transport.js';

/**
 * Emits until it is killed and prints `<id> <sequence>` once each emit resolved. There is no bus.
 * Arguments: spool folder, events emitted at once.
 */
const [spoolDir, concurrency] = process.argv.slice(2) as [string, string];

const nowhere: EmitterTransport = {
  connected: false,
  onStatus: () => () => undefined,
  publish: () => Promise.reject(new Error('DISCONNECTED')),
  subscribe: () => () => undefined,
  close: () => Promise.resolve(),
};

const emitter = await openEmitter({ source: 'identity', spoolDir, transport: nowhere, segmentBytes: 256 * 1024, spoolBytesMax: 64 * 1024 * 1024 });

async function emitForEver(lane: number): Promise<never> {
  for (let at = 0; ; at++) {
    const text = 'x'.repeat((at * 37 + lane * 101) % 2_000);
    const { id, sequence } = await emitter.emit({ tenant: 'acme', type: 'identity.session.created', actor: { type: 'user', id: 'u' }, data: { text } });
    process.stdout.write(`${id} ${sequence}\n`);
  }
}

await Promise.all(Array.from({ length: Number(concurrency) }, (_, lane) => emitForEver(lane)));
