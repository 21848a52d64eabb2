import { createHash } from 'node:crypto';
import type { HeldRecord } from '@countersign/contracts';
import { zipStream, type ZipEntry } from '@countersign/files';
import type { Flows } from '../parts.js';
import type { RequestRow } from '../store/request-rows.js';
import { readablePage } from './readable-page.js';
import { bySelf } from './because.js';
import { changeRequest } from './request-store.js';

const DAY_MS = 86_400_000;
/** How long an export lies there to be fetched. */
export const EXPORT_DAYS = 7;

interface ManifestFile {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly records: number;
}

/**
 * Everything that every service holds on somebody, in a zip that is made, encrypted and stored while it is read: machine-readable lines of
 * each service, a page to read, and a manifest with the digest of each file.
 */
export async function prepareExport(flows: Flows, row: RequestRow): Promise<void> {
  const person = { tenant: row.tenant, subject: row.subject };
  const madeAt = flows.now();
  const until = new Date(madeAt.getTime() + EXPORT_DAYS * DAY_MS);
  const fileId = flows.newId();
  try {
    const written = await flows.files.write(fileId, row.request_id, person, until, zipStream(entriesOf(flows, row, madeAt), madeAt));
    await changeRequest(flows, row, { type: 'prepare', bytes: written.bytes, digest: written.digest, untilMs: until.getTime() }, bySelf(row.request_id, flows.now(), written.keep));
  } catch (error) {
    // Nobody knows of it: its request was closed meanwhile, or could not be carried out.
    await flows.files.discard(fileId);
    throw error;
  }
}

async function* entriesOf({ persons }: Flows, row: RequestRow, madeAt: Date): AsyncGenerator<ZipEntry> {
  const person = { tenant: row.tenant, subject: row.subject };
  const files: ManifestFile[] = [];
  const { types } = await persons.show(person);
  for (const service of persons.services) {
    const path = `data/${service}.jsonl`;
    yield { path, content: () => measured(path, files, persons.export(service, person)) };
  }
  const manifest = { format: 'countersign-personal-export/1', requestId: row.request_id, ...person, receivedAt: row.received_at.toISOString(), madeAt: madeAt.toISOString(), holds: types };
  yield { path: 'index.html', content: () => once(readablePage(manifest, files)) };
  yield { path: 'manifest.json', content: () => once(`${JSON.stringify({ ...manifest, files }, null, 2)}\n`) };
}

async function* measured(path: string, files: ManifestFile[], records: AsyncIterable<HeldRecord>): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let [bytes, count] = [0, 0];
  for await (const record of records) {
    const line = Buffer.from(`${JSON.stringify(record)}\n`);
    hash.update(line);
    bytes += line.length;
    count += 1;
    yield line;
  }
  files.push({ path, sha256: hash.digest('hex'), bytes, records: count });
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
