import { openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { openEmitter } from '@countersign/client';
import { personalOf } from '@countersign/devstack';
import type { ProducerConfig } from './producer-process.js';

/**
 * A service that emits events until SIGTERM, then waits for every receipt and ends with code 0. Each emit that resolved
 * is written to `outFile` as `<id> <sequence> <tenant> <n>` before anything else happens: what stands there was promised.
 */
const config = JSON.parse(process.argv[2] ?? '{}') as ProducerConfig;
const out = openSync(config.outFile, 'a');
const emitter = await openEmitter({
  source: config.source,
  spoolDir: config.spoolDir,
  bus: { url: config.natsUrl, nkeySeedFile: config.seedFile, name: config.source },
  resendAfterMs: config.resendAfterMs,
  segmentBytes: 1024 * 1024,
});

let stopping = false;
let at = config.firstNumber;

async function emitUntilStopped(): Promise<void> {
  while (!stopping) {
    const n = at++;
    const tenant = config.tenants[n % config.tenants.length] as string;
    const personal = personalOf(n);
    const input = { tenant, type: `${config.source}.thing.happened`, actor: { type: 'service' as const, id: 'faults' }, data: { n, text: 'x'.repeat((n * 37) % config.textMax) }, personal };
    try {
      const { id, sequence } = await emitter.emit(input);
      writeSync(out, `${id} ${sequence} ${tenant} ${n}\n`);
    } catch (error) {
      // A full spool is back-pressure: nothing was promised for this event.
      if ((error as { code?: string }).code !== 'SPOOL_FULL') throw error;
      await sleep(50);
    }
    if (config.pauseMs > 0) await sleep(config.pauseMs);
  }
}

process.once('SIGTERM', () => {
  stopping = true;
});
const lanes = Promise.all(Array.from({ length: config.lanes }, () => emitUntilStopped()));
process.stdout.write('emitting\n');
await lanes;
await emitter.flush();
process.stdout.write(`${JSON.stringify(emitter.stats())}\n`);
await emitter.close();
