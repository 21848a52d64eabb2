import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectBus, connectProvisioner, ensureIntakeStream, publishIntake, type BusConnection, type IntakeMessage, type StreamsOptions } from '@countersign/bus';
import { INTAKE_CONSUMER } from '@countersign/contracts';
import { startNats, type NatsServer } from '@countersign/devstack';

const WAIT_LIMIT_MS = 30_000;

/** A nats-server of its own with one connection of each account. */
export interface BusStand {
  nats: NatsServer;
  readonly ledger: BusConnection;
  readonly services: BusConnection;
  readonly provisioner: BusConnection;
  /** Alone in an account where it may speak to itself about anything. */
  readonly system: BusConnection;
  /** Sends texts to `intake.<source>.acme`, one after the other. */
  send(...texts: string[]): Promise<void>;
  /** Starts the server again on the same port after it was killed. */
  restart(streams?: StreamsOptions): Promise<void>;
  /** Takes away everything that JetStream holds. */
  emptyStream(): Promise<void>;
  /** What the test and the server know, for a failure that happens once in a thousand runs. */
  known(seen: object): Promise<string>;
  close(): Promise<void>;
}

export async function openStand(): Promise<BusStand> {
  const dir = await mkdtemp(join(tmpdir(), 'countersign-bus-'));
  const nats = await startNats({ dir });
  const ledger = await connectBus({ url: nats.url, nkeySeedFile: nats.users.ledger, name: 'ledger' });
  const services = await connectBus({ url: nats.url, nkeySeedFile: nats.users.services, name: 'services' });
  const provisioner = await connectProvisioner({ url: nats.url, nkeySeedFile: nats.users.provisioner });
  const system = await connectBus({ url: nats.url, nkeySeedFile: nats.users.system, name: 'system' });
  const stand: BusStand = {
    nats,
    ledger,
    services,
    provisioner,
    system,
    async send(...texts) {
      for (const text of texts) await publishIntake(services, 'intake.shop.acme', new TextEncoder().encode(text), { timeoutMs: 2_000 });
    },
    async restart(streams) {
      stand.nats = await startNats({ dir, port: nats.port, streams });
      await until(() => [ledger, services, provisioner, system].every(({ connected }) => connected));
    },
    async emptyStream() {
      await provisioner.request('$JS.API.STREAM.DELETE.INTAKE', '', { timeoutMs: 2_000 });
      await ensureIntakeStream(provisioner);
    },
    async known(seen) {
      const ask = async (subject: string): Promise<string> => text((await ledger.request(subject, '', { timeoutMs: 2_000 })).data);
      const [stream, consumer] = [await ask('$JS.API.STREAM.INFO.INTAKE'), await ask(`$JS.API.CONSUMER.INFO.INTAKE.${INTAKE_CONSUMER}`)];
      return JSON.stringify({ ...seen, stream, consumer }, undefined, 1);
    },
    async close() {
      await ledger.close();
      await services.close();
      await provisioner.close();
      await system.close();
      await stand.nats.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
  return stand;
}

/** Waits until the condition holds; fails after 30 s, saying what it waited for and what is known by then. */
export async function until(condition: () => boolean | Promise<boolean>, known: () => string | Promise<string> = () => ''): Promise<void> {
  const end = performance.now() + WAIT_LIMIT_MS;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`never true: ${condition.toString()} ${await known()}`);
    await sleep(10);
  }
}

export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Acknowledges and keeps the texts, without the loop's own probes. */
export function collector(): { texts: string[]; take: (message: IntakeMessage) => void } {
  const texts: string[] = [];
  return {
    texts,
    take: (message) => {
      texts.push(text(message.data));
      message.ack();
    },
  };
}
