import { connectProvisioner, provisionBus, StreamKeeper, type BusError } from '@countersign/bus';
import { ConfigError, parseConfig } from '@countersign/runtime';
import { z } from 'zod';

const count = (min: number, max: number): z.ZodCoercedNumber => z.coerce.number().int().min(min).max(max);
const bytes = count(1_048_576, Number.MAX_SAFE_INTEGER).default(1_073_741_824);

/** Environment of the step that makes the bus's streams and consumers: no service may. */
const schema = z.object({
  LEDGER_NATS_URL: z.string(),
  LEDGER_NATS_TLS_DIR: z.string().optional(),
  /** nkey seed of the bus user `provisioner`. */
  LEDGER_PROVISIONER_SEED_FILE: z.string(),
  /** Copies of each stream: 3 in a cluster of three. */
  LEDGER_NATS_REPLICAS: count(1, 5).default(1),
  /** Bytes that the intake may hold; full means that producers wait. */
  LEDGER_INTAKE_MAX_BYTES: bytes,
  /** Of messages that wait for keys while the key service is away, beside the intake's bytes. */
  LEDGER_WAITING_MAX_BYTES: bytes,
});

const say = (line: string): void => void process.stdout.write(`ledger bus: ${line}\n`);

/** Without arguments once; with `--keep` it stays, and makes again what is lost. */
try {
  const config = parseConfig(schema, process.env);
  const connection = { url: config.LEDGER_NATS_URL, tlsDir: config.LEDGER_NATS_TLS_DIR, nkeySeedFile: config.LEDGER_PROVISIONER_SEED_FILE };
  const replicas = config.LEDGER_NATS_REPLICAS;
  const streams = { intake: { maxBytes: config.LEDGER_INTAKE_MAX_BYTES, replicas }, waiting: { maxBytes: config.LEDGER_WAITING_MAX_BYTES, replicas } };
  await provisionBus(connection, streams);
  say('streams are as they should be');
  if (process.argv.includes('--keep')) {
    const bus = await connectProvisioner(connection);
    const keeper = new StreamKeeper({ bus, ...streams, onEvent: ({ type, error }) => say(type === 'made' ? 'made streams anew' : `it is tried again: ${error!.code} ${error!.message}`) });
    keeper.start();
    await new Promise((stop) => process.once('SIGTERM', stop).once('SIGINT', stop));
    await keeper.stop();
    await bus.close();
  }
} catch (error) {
  process.stderr.write(`ledger bus: ${(error as Partial<BusError>).code ?? 'failed'}: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof ConfigError ? 78 : 1);
}
