import { ArchiveFault, verifyCertificate, writeArchive, type ArchiveRecord } from '@countersign/certificates';
import { parseVkey } from '@countersign/chain';
import type { HeldRecord } from '@countersign/contracts';
import type { KeyClient } from '@countersign/key-client';
import type { Flows } from '../parts.js';
import type { RequestRow } from '../store/request-rows.js';
import { readablePage } from './readable-page.js';
import { bySelf } from './because.js';
import { changeRequest } from './request-store.js';

const DAY_MS = 86_400_000;
/** How long an export lies there to be fetched. */
export const EXPORT_DAYS = 7;

const TOO_LARGE_REASON = 'it is more than one archive holds: somebody has to hand it out in another way';

/** Why somebody has to see to an export that failed so, as trying again would end the same; undefined: it is tried again. */
export const exportByHand = (error: unknown): string | undefined => (error instanceof ArchiveFault && error.code === 'ARCHIVE_TOO_LARGE' ? TOO_LARGE_REASON : undefined);

/**
 * Everything that every service holds on somebody, in an archive that is made, encrypted and stored while it is read: machine-readable lines of
 * each service, proofs of what ledgers hold, a page to read, and a certified manifest (docs/spec/personal-archive.md).
 */
export async function prepareExport(flows: Flows, row: RequestRow): Promise<void> {
  const person = { tenant: row.tenant, subject: row.subject };
  const madeAt = flows.now();
  const until = new Date(madeAt.getTime() + EXPORT_DAYS * DAY_MS);
  const fileId = flows.newId();
  try {
    let vkey = '';
    const archive = archiveOf(flows, row, fileId, madeAt, (key) => (vkey = key));
    const written = await flows.files.write(fileId, row.request_id, person, until, archive);
    await changeRequest(flows, row, { type: 'prepare', bytes: written.bytes, digest: written.digest, untilMs: until.getTime() }, bySelf(row.request_id, flows.now(), (client) => written.keep(client, vkey)));
  } catch (error) {
    // Nobody knows of it: its request was closed meanwhile, or could not be carried out.
    await flows.files.discard(fileId);
    throw error;
  }
}

async function* archiveOf({ persons, keyClient }: Flows, row: RequestRow, fileId: string, madeAt: Date, certifiedBy: (vkey: string) => void): AsyncGenerator<Uint8Array> {
  const person = { tenant: row.tenant, subject: row.subject };
  const { types, services } = await persons.show(person);
  yield* writeArchive({
    about: { archive: fileId, request: row.request_id, ...person, receivedAt: row.received_at.toISOString(), madeAt: madeAt.toISOString() },
    holds: types,
    services: services.map((name) => ({ name, records: () => archived(persons.export(name, person)) })),
    page: readablePage,
    sign: async (statement) => {
      const { certificate, vkey } = await signed(keyClient, statement);
      certifiedBy(vkey);
      return certificate;
    },
  });
}

async function* archived(records: AsyncIterable<HeldRecord>): AsyncGenerator<ArchiveRecord> {
  for await (const { proof, ...record } of records) yield proof === undefined ? record : { ...record, proof };
}

/** Never handed out unchecked. */
async function signed(client: KeyClient, statement: string): Promise<{ readonly certificate: string; readonly vkey: string }> {
  const { result } = await client.ask('sign-certificate', { kind: 'archive', statement });
  verifyCertificate(result.certificate, [parseVkey(result.vkey)]);
  return result;
}
