import { randomUUID } from 'node:crypto';
import { connectBus, publishIntake, type BusConnection } from '@countersign/bus';
import type { NatsServer } from '@countersign/devstack';

const EMIT_MS_MAX = 5_000;

/** An event in the name of no service of ours. */
export const noiseOf = (tenant: string, more: object = {}): object => ({ id: randomUUID(), type: 'noise.thing.happened', source: 'noise', tenant, time: new Date().toISOString(), severity: 'info', outcome: 'success', actor: { type: 'service', id: 'noise' }, data: { what: 'noise' }, ...more });

/** Somebody who emits events. */
export class Noise {
  private constructor(private readonly bus: BusConnection) {}

  static async open({ url, users }: Pick<NatsServer, 'url' | 'users'>): Promise<Noise> {
    return new Noise(await connectBus({ url, nkeySeedFile: users.services, name: 'noise' }));
  }

  /** One message with an event for each of `more`, what it says besides; with one event where nothing is said. */
  emit(tenant: string, ...more: readonly object[]): Promise<unknown> {
    return publishIntake(this.bus, `intake.noise.${tenant}`, JSON.stringify((more.length === 0 ? [{}] : more).map((one) => noiseOf(tenant, one))), { timeoutMs: EMIT_MS_MAX });
  }

  close(): Promise<void> {
    return this.bus.close();
  }
}
