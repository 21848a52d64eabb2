import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { TENANT_KEY_PURPOSE } from '@countersign/contracts';
import { KeyClientError, type Keys } from '@countersign/key-client';
import { SignedLog, TENANT } from './requests.js';
import { FACTORS, startRotationStand, type RotationStand } from './rotation-stand.js';

const VALUE_BYTES = 256;
const SEED_BATCH = 1_000;
const SUBJECTS = 200;
const WRITERS = 4;
const POLL_MS = 100;
const LIMIT_MS = 120_000;
const NAMES = [TENANT_KEY_PURPOSE, FACTORS.purpose].map((purpose) => ({ tenant: TENANT, purpose }));

export interface RotationFigures {
  rotation_operations: number;
  rotation_failed_operations: number;
  rotation_rows_per_s: number;
  /** Rows under the old version when the last key was retired. */
  rotation_remaining: number;
  rotation_retired_versions: number;
  /** From the orders to rotate until the old versions were destroyed; leases have to end on the way. */
  rotation_seconds: number;
}

interface Load {
  operations: number;
  readonly failures: string[];
}

/**
 * Rotates every key in use at once (data key, tenant key, epoch key of the subjects' keys) while values are written and read,
 * subjects' keys used, keys leased and checkpoints signed. Throws unless what lay under the old version is refused afterwards.
 */
export async function rotateUnderLoad(rows: number): Promise<RotationFigures> {
  const stand = await startRotationStand();
  try {
    return await measure(stand, rows);
  } finally {
    await stand.stop();
  }
}

async function measure(stand: RotationStand, rows: number): Promise<RotationFigures> {
  const { pool, identity, operator } = stand;
  await seed(stand, rows);
  const old = (await operator.client.ask('show', NAMES[1]!)).result.versions[0]!.keyId;
  const { rows: [kept] } = await pool.query<{ secret: string }>('SELECT secret FROM factors WHERE factor_id = 0');
  const load: Load = { operations: 0, failures: [] };
  let isOver = false;
  const running = [...Array.from({ length: WRITERS }, (_, writer) => writeAndRead(stand, load, rows, writer, () => isOver)), signAndLease(stand, load, () => isOver)];
  stand.rotate();
  const startMs = performance.now();
  for (const name of NAMES) await operator.client.ask('rotate', name);
  const { epoch } = (await operator.client.ask('roll-epoch', {})).result;
  const under = async (): Promise<number> => Number((await pool.query<{ count: string }>(`SELECT count(*) FROM factors WHERE secret LIKE $1`, [`v2:${old}:%`])).rows[0]!.count);
  await until('rows re-encrypted', async () => (await under()) === 0);
  const reencryptedMs = performance.now() - startMs;
  await until('old versions retired', async () => (await retired(operator)) === NAMES.length);
  await until('epoch rolled', async () => (await operator.client.ask('rewrap-status', {})).result.epoch.current >= epoch && (await operator.client.ask('rewrap-status', {})).result.epoch.remaining === 0);
  const seconds = (performance.now() - startMs) / 1_000;
  isOver = true;
  await Promise.all(running);
  await requireRefused(identity, kept!.secret);
  return {
    rotation_operations: load.operations,
    rotation_failed_operations: load.failures.length,
    rotation_rows_per_s: (rows * 1_000) / reencryptedMs,
    rotation_remaining: await under(),
    rotation_retired_versions: await retired(operator),
    rotation_seconds: seconds,
  };
}

async function seed({ pool, identity }: RotationStand, rows: number): Promise<void> {
  for (let at = 0; at < rows; at += SEED_BATCH) {
    const ids = Array.from({ length: Math.min(SEED_BATCH, rows - at) }, (_, k) => at + k);
    const texts: string[] = [];
    for (const id of ids) texts.push(await identity.fields.seal(TENANT, FACTORS.purpose, FACTORS.place({ factor_id: id }, 0, 1), valueOf(id)));
    await pool.query('INSERT INTO factors SELECT * FROM unnest($1::bigint[], $2::text[])', [ids, texts]);
  }
}

/** Each row's value tells its row, whoever has written it last. */
const valueOf = (id: number): Buffer => Buffer.concat([Buffer.from(`${id} `), randomBytes(VALUE_BYTES)]).subarray(0, VALUE_BYTES);

async function writeAndRead({ pool, identity }: RotationStand, load: Load, rows: number, writer: number, isOver: () => boolean): Promise<void> {
  for (let n = writer; !isOver(); n += WRITERS) {
    const id = (n * 7_919) % rows;
    const place = FACTORS.place({ factor_id: id }, 0, 1);
    await counted(load, async () => {
      const text = await identity.fields.seal(TENANT, FACTORS.purpose, place, valueOf(id));
      await pool.query('UPDATE factors SET secret = $2 WHERE factor_id = $1', [id, text]);
    });
    await counted(load, async () => {
      const { rows: [row] } = await pool.query<{ secret: string }>('SELECT secret FROM factors WHERE factor_id = $1', [id]);
      const value = await identity.fields.open(TENANT, FACTORS.purpose, place, row!.secret);
      if (!value.subarray(0, `${id} `.length).equals(Buffer.from(`${id} `))) throw new Error('another value was opened');
    });
    await counted(load, async () => {
      const subject = `usr_${n % SUBJECTS}`;
      const text = (await identity.subjects.ensure(TENANT, [subject])).seal(subject, place, valueOf(id));
      const [opened] = await identity.subjects.openAll([{ tenant: TENANT, context: place, text }]);
      if (opened === undefined || 'fault' in opened) throw new Error(opened?.fault ?? 'nothing was opened');
    });
  }
}

async function signAndLease({ identity, signing }: RotationStand, load: Load, isOver: () => boolean): Promise<void> {
  const log = new SignedLog(signing);
  while (!isOver()) {
    await counted(load, () => log.sign(1));
    await counted(load, async () => (await identity.client.ask('data-key', { tenant: TENANT, purpose: FACTORS.purpose })).keys.forEach((key) => key.fill(0)));
  }
}

async function counted(load: Load, work: () => Promise<unknown>): Promise<void> {
  load.operations++;
  try {
    await work();
  } catch (error) {
    load.failures.push(error instanceof Error ? error.message : String(error));
    if (load.failures.length === 1) process.stderr.write(`failed: ${load.failures[0]!}\n`);
  }
}

async function retired({ client }: Keys): Promise<number> {
  let count = 0;
  for (const name of NAMES) count += (await client.ask('show', name)).result.versions.filter(({ state }) => state === 'destroyed').length;
  return count;
}

/** Past the caches: as a service asks that was just started. */
async function requireRefused({ client }: Keys, text: string): Promise<void> {
  const keyId = text.split(':')[1]!;
  const code = await client.ask('data-key', { tenant: TENANT, purpose: FACTORS.purpose, keyId }).then(
    () => 'none',
    (error: unknown) => (error instanceof KeyClientError ? error.code : String(error)),
  );
  if (code !== 'KEY_DESTROYED') throw new Error(`the retired version was refused with ${code}`);
}

async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + LIMIT_MS;
  while (!(await isTrue())) {
    if (performance.now() > untilMs) throw new Error(`${what}: not within ${LIMIT_MS / 1_000} s`);
    await sleep(POLL_MS);
  }
}
