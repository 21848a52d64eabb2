import type { BusConnection, BusOptions } from '@countersign/bus';
import { ownBusTransport, sharedBusTransport } from './bus-transport.js';
import { ChunkPool } from './delivery/chunk.js';
import { Emitter } from './emitter.js';
import { uuidV7Source } from './event-id.js';
import { emitterSettings, type EmitterLimits, type EmitterSettings } from './options.js';
import { EmitError } from './errors.js';
import { DiskSpool, newProducerId } from './spool/disk-spool.js';
import { FRAME_BYTES_MAX } from './spool/frame.js';
import { MemorySpool } from './spool/memory-spool.js';
import type { RecoveredEvent } from './spool/recovery.js';
import { RefusedStore, refusedFolder } from './spool/refused-store.js';
import type { Spool } from './spool/spool.js';
import type { EmitterTransport, Log } from './transport.js';

/** Exactly one of: a connection that stays the caller's, options for one of the emitter's own, or another transport. */
export interface BusChoice {
  readonly connection?: BusConnection;
  readonly bus?: BusOptions;
  readonly transport?: EmitterTransport;
}

export interface EmitterOptions extends EmitterLimits, BusChoice {}

/**
 * Opens an emitter for one source. With durability `disk` the spool is read first: what an earlier process left is sent
 * before anything new. The bus need not be there yet when `bus` options are given.
 * Throws EmitError OPTION_INVALID, SPOOL_LOCKED, SPOOL_FOREIGN, SPOOL_KEY_UNUSABLE, and file system errors as they come.
 */
export async function openEmitter(options: EmitterOptions): Promise<Emitter> {
  const settings = emitterSettings(options);
  checkBusChoice(options);
  const pool = new ChunkPool(FRAME_BYTES_MAX);
  const storage = await openStorage(settings, pool);
  const clock = options.clock ?? Date.now;
  return new Emitter({
    ...storage,
    pool,
    settings,
    transport: chooseTransport(options, settings.log),
    clock,
    newId: options.newId ?? uuidV7Source(clock),
  });
}

interface Storage {
  readonly spool: Spool;
  readonly refusedStore: RefusedStore | undefined;
  readonly producerId: string;
  readonly recovered: readonly RecoveredEvent[];
  readonly damagedRanges: number;
}

async function openStorage(settings: EmitterSettings, pool: ChunkPool): Promise<Storage> {
  if (settings.durability === 'bus' || settings.spoolDir === undefined) {
    const spool = new MemorySpool(settings.residentBytesMax);
    return { spool, refusedStore: undefined, producerId: newProducerId(settings.source), recovered: [], damagedRanges: 0 };
  }
  const { spool, recovery } = await DiskSpool.open(settings.spoolDir, settings, pool);
  const refusedStore = await RefusedStore.open(refusedFolder(settings.spoolDir), spool.key).catch(async (error: unknown) => {
    await spool.close();
    throw error;
  });
  if (recovery.events.length > 0) settings.log.info({ events: recovery.events.length }, 'events found in the spool will be sent');
  return {
    spool,
    refusedStore,
    producerId: spool.owner.producerId,
    recovered: recovery.events,
    damagedRanges: recovery.damagedRanges,
  };
}

export function checkBusChoice(choice: BusChoice): void {
  const given = [choice.connection, choice.bus, choice.transport].filter((way) => way !== undefined);
  if (given.length !== 1) throw new EmitError('OPTION_INVALID', 'give exactly one of connection, bus and transport', 'connection');
}

export function chooseTransport(choice: BusChoice, log: Log): EmitterTransport {
  if (choice.transport !== undefined) return choice.transport;
  return choice.connection !== undefined ? sharedBusTransport(choice.connection, log) : ownBusTransport(choice.bus as BusOptions, log);
}
