import { describe, expect, it } from '@jest/globals';
import { ChunkPool } from '../src/delivery/chunk.js';
import { EmitError } from '../src/errors.js';
import { prepareEvent, type PreparedEvent } from '../src/event-input.js';
import type { StagedFrame } from '../src/spool/spool.js';
import { emitterSettings } from '../src/options.js';
import { Pipeline, type Emitted } from '../src/pipeline.js';
import { uuidV7Source } from '../src/event-id.js';
import { FRAME_BYTES_MAX } from '../src/spool/frame.js';
import { MemorySpool } from '../src/spool/memory-spool.js';
import { FakeLedger } from './fake-ledger.js';
import { sampleEvent } from './samples.js';

/** A spool whose disk fails when told so, and that counts its syncs. */
class FailingSpool extends MemorySpool {
  failing = false;
  commits = 0;

  override async append(frame: StagedFrame): Promise<void> {
    this.commits++;
    await new Promise((resolve) => setTimeout(resolve, 2));
    if (this.failing) throw new EmitError('SPOOL_FAILED', 'the disk failed');
    await super.append(frame);
  }
}

const newId = uuidV7Source(Date.now);
const KNOWN_ID = '01890a5d-ac96-774b-bcce-b302099a8057';

function pipelineOn(spool: FailingSpool, ledger: FakeLedger): { emit: (id?: unknown) => Promise<Emitted>; pipeline: Pipeline } {
  const settings = emitterSettings({ source: 'identity', spoolDir: 'none', lingerMs: 0 });
  const pipeline = new Pipeline({
    settings, spool, transport: ledger, producerId: 'p', pool: new ChunkPool(FRAME_BYTES_MAX),
    refusedStore: undefined, recovered: [], clock: Date.now,
  });
  const prepared = (id: unknown): PreparedEvent =>
    prepareEvent(sampleEvent(id === KNOWN_ID ? { id: KNOWN_ID } : {}), 'identity', newId, () => '2026-01-31T09:30:00Z');
  const emit = (id?: unknown): Promise<Emitted> =>
    new Promise((resolve, reject) => pipeline.accept(prepared(id), { resolve, reject, outcome: undefined }));
  return { pipeline, emit };
}

describe('group commit', () => {
  it('many emits share one commit', async () => {
    const spool = new FailingSpool(1e9);
    const { emit, pipeline } = pipelineOn(spool, new FakeLedger());
    await Promise.all(Array.from({ length: 200 }, emit));
    expect(spool.commits).toBe(1);
    await Promise.all(Array.from({ length: 1_000 }, emit));
    expect(spool.commits).toBeLessThan(6);
    pipeline.delivery.stop();
  });

  it('a receipt that comes before the event is durable does not count', async () => {
    const ledger = new FakeLedger();
    const { emit, pipeline } = pipelineOn(new FailingSpool(1e9), ledger);
    const emitted = emit(KNOWN_ID);
    const receipt = { id: KNOWN_ID, tenant: 'acme', index: 0, eventHash: '0'.repeat(64), recordedAt: '' };
    ledger.say('ledger.receipt.identity', JSON.stringify({ recorded: [receipt], repeated: [] }));
    expect(pipeline.pending).toBe(1);
    expect((await emitted).id).toBe(KNOWN_ID);
    await pipeline.drained();
    expect(ledger.recorded.map(({ id }) => id)).toEqual([KNOWN_ID]);
    pipeline.delivery.stop();
  });

  it('when a commit fails, its emits and all later ones fail, nothing of them is sent and their numbers come again', async () => {
    const spool = new FailingSpool(1e9);
    const ledger = new FakeLedger();
    const { emit, pipeline } = pipelineOn(spool, ledger);
    const first = await emit();
    spool.failing = true;
    const during = Promise.allSettled([emit(), emit()]);
    await new Promise((resolve) => setImmediate(resolve));
    const behind = Promise.allSettled([emit()]);
    for (const result of [...(await during), ...(await behind)]) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'SPOOL_FAILED' } });
    }
    spool.failing = false;
    const next = await emit();
    await pipeline.drained();
    expect([first.sequence, next.sequence]).toEqual([1, 2]);
    expect(ledger.arrived.map(({ id }) => id)).toEqual([first.id, next.id]);
    expect(pipeline.pending).toBe(0);
    expect(pipeline.commit.stagedBytes).toBe(0);
    expect(pipeline.parts.pool.residentBytes).toBe(0);
    pipeline.delivery.stop();
  });
});
