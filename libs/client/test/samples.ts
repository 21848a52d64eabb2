import type { EmitInput } from '../src/event-input.js';
import type { EmitterOptions } from '../src/open-emitter.js';
import type { FakeLedger } from './fake-ledger.js';

export function sampleEvent(change: Partial<EmitInput> = {}): EmitInput {
  return {
    tenant: 'acme',
    type: 'identity.session.created',
    actor: { type: 'user', id: 'usr_1' },
    data: { method: 'password' },
    ...change,
  };
}

/** Small files and short times, so that tests reach every limit quickly. */
export function quickOptions(spoolDir: string, transport: FakeLedger): EmitterOptions {
  return { source: 'identity', spoolDir, transport, segmentBytes: 512 * 1024, spoolBytesMax: 2 * 1024 * 1024, resendAfterMs: 100, emitTimeoutMs: 300 };
}

export async function until(what: string, holds: () => boolean, limitMs = 10_000): Promise<void> {
  const startMs = performance.now();
  while (!holds()) {
    if (performance.now() - startMs > limitMs) throw new Error(`waited ${limitMs} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The code of the error that `action` rejects with. */
export async function rejection(action: Promise<unknown>): Promise<{ code: string; field: string | undefined; message: string }> {
  try {
    await action;
  } catch (error) {
    const { code, field, message } = error as { code: string; field?: string; message: string };
    return { code, field, message };
  }
  throw new Error('did not reject');
}
