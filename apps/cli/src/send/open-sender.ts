import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BusError, connectBus } from '@countersign/bus';
import type { BusConnection } from '@countersign/bus';
import { openEmitter } from '@countersign/client';
import type { Emitter } from '@countersign/client';
import { CliError, EXIT } from '../exit-code.js';
import type { BusTarget } from '../target.js';

const CONNECT_LIMIT_MS = 5_000;
/** One small file at a time: what is sent here can be sent again. */
const SEGMENT_BYTES = 1024 * 1024;

export interface Sender {
  readonly emitter: Emitter;
  /** Lets go of everything; what has no receipt by now is forgotten, and safe to send again. */
  close(): Promise<void>;
}

/** Connects to the bus. Throws CliError BUS_UNREACHABLE or what the server answered. */
export async function openBus(target: BusTarget): Promise<BusConnection> {
  try {
    return await connectBus({ ...target, name: 'countersign-cli', firstConnectLimitMs: CONNECT_LIMIT_MS });
  } catch (error) {
    const code = error instanceof BusError ? error.code : 'FAILED';
    throw new CliError(EXIT.unreachable, 'BUS_UNREACHABLE', `the bus at ${target.url} cannot be used: ${(error as Error).message} (${code})`);
  }
}

/** An emitter with a spool of its own that ends with the command, and that nobody can read afterwards. Throws CliError. */
export async function openSender(target: BusTarget, source: string): Promise<Sender> {
  const connection = await openBus(target);
  const spoolDir = await mkdtemp(join(tmpdir(), 'countersign-'));
  const release = async (): Promise<void> => {
    await connection.close();
    await rm(spoolDir, { recursive: true, force: true });
  };
  try {
    const emitter = await openEmitter({ source, connection, spoolDir, spoolKey: 'ephemeral', segmentBytes: SEGMENT_BYTES });
    return {
      emitter,
      async close() {
        await emitter.close({ drainTimeoutMs: 0 });
        await release();
      },
    };
  } catch (error) {
    await release();
    throw error;
  }
}
